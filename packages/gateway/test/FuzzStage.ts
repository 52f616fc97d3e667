/** Gateways to be fuzzed: two tenants that share a store, what each must not learn of the other, and what is logged. */
import * as Arthur from "@keyfold/arthur/Arthur"
import * as Canary from "@keyfold/canary/Canary"
import { KeyId } from "@keyfold/core/ApiKey"
import * as KeyStores from "@keyfold/core/KeyStores"
import * as ArthurEmulator from "@keyfold/emulators/Arthur"
import * as Faults from "@keyfold/emulators/Faults"
import * as Gateway from "@keyfold/gateway/Gateway"
import { Fetch } from "@keyfold/http/Fetch"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Document } from "./Conforming.ts"
import type { Side } from "./FuzzRequests.ts"
import { journaled, rotating, type Place } from "./Rotating.ts"
import { asking, database, stores, type Answer } from "./World.ts"

/** The open stores that a gateway serves. */
export type Opened = KeyStores.KeyStores["Service"]

/** What is fuzzed. */
export interface Stage {
  readonly document: Document
  readonly fetch: (request: Request) => Promise<Response>
  readonly sides: readonly [Side, Side]
  /** What of a side nobody else may be told. */
  readonly canaries: ReadonlyMap<Side, Set<string>>
  /** What nobody may be told again, and no log may hold. */
  readonly secrets: Set<string>
  /** What was logged and traced since it was asked last. */
  readonly takeLog: () => string
  /** Whether the backend fails on purpose. */
  readonly isFaulty: boolean
}

const unlimited = { requests: 1e9, within: "1 minute" } as const

const places = (): Record<string, Place> =>
  Object.fromEntries(
    ["ci", "place-of-acme", "place-of-globex"].map((name) => [name, { holds: undefined, secret: undefined }])
  )

const pepper = "a pepper for fuzzing that is long enough"

const shown = (value: unknown): string => {
  try {
    return typeof value === "string" ? value : (JSON.stringify(value) ?? "")
  } catch {
    return ""
  }
}

interface Created {
  readonly key: { readonly id: string }
  readonly secret: string
}

const keyOf = ({ json }: Answer): Created | undefined =>
  json["secret"] === undefined ? undefined : (json as unknown as Created)

type Asking = ReturnType<typeof asking>

/** A tenant's caller, some keys with names to be recognised, and a rotation. */
const sideOf = Effect.fnUntraced(function* (tenant: string, ask: Asking, admin: string, at: Gateway.Database) {
  const caller = (...grants: ReadonlyArray<string>) =>
    Effect.map(Gateway.createCaller(at, { grants }), ({ secret }) => Redacted.value(secret))
  const side: Side = {
    tenant,
    key: yield* caller(`${tenant}:*`),
    readerKey: yield* caller(`${tenant}:list`, `${tenant}:usage`),
    keys: [],
    rotations: [],
    secrets: [],
    cursors: []
  }
  const canaries = new Set([tenant, `owner-of-${tenant}`, `tag-of-${tenant}`])
  for (let index = 0; index < 4; index++) {
    const name = `name-of-${tenant}-${index}`
    const full = { name, owner: `owner-of-${tenant}`, tags: { team: `tag-of-${tenant}` } }
    const create = (body: object) => ask(`POST /v1/tenants/${tenant}/keys`, { key: admin, body })
    const created = keyOf(yield* create(full)) ?? keyOf(yield* create({ name }))
    if (created === undefined) return yield* Effect.die(`no key could be made at ${tenant}`)
    side.keys.push(created.key.id)
    side.secrets.push(created.secret)
    for (const canary of [name, created.key.id, created.secret]) canaries.add(canary)
  }
  yield* ask(`DELETE /v1/tenants/${tenant}/keys/${encodeURIComponent(side.keys[3] ?? "")}`, { key: admin })
  const path = `/v1/tenants/${tenant}/keys/${encodeURIComponent(side.keys[1] ?? "")}/rotations`
  const { json } = yield* ask(`POST ${path}`, { key: admin, body: { deliver: "response" } })
  const { key, rotation, secret } = json as unknown as Created & { readonly rotation: { readonly id: string } }
  side.keys.push(key.id)
  side.secrets.push(secret)
  side.rotations.push(rotation.id)
  for (const canary of [key.id, secret, rotation.id]) canaries.add(canary)
  return { side, canaries }
})

/** Sets a stage over open stores that use the journal in force. */
const stageOver = Effect.fnUntraced(function* (opened: Opened, isFaulty: boolean) {
  const held = places()
  const at = { ...(yield* database), pepper: Redacted.make(pepper) }
  const admin = Redacted.value((yield* Gateway.init(at)).secret)
  const { fetch } = yield* Gateway.handler({
    backends: Gateway.fromKeyStores(opened, true),
    database: at,
    limits: {
      caller: unlimited,
      tenant: unlimited,
      refusals: unlimited,
      timeout: isFaulty ? "1 second" : "30 seconds"
    },
    ...(yield* rotating(opened, held))
  })
  const ask = asking(fetch)
  const first = yield* sideOf("acme", ask, admin, at)
  const second = yield* sideOf("globex", ask, admin, at)
  for (const { side } of [first, second]) {
    Object.assign(held[`place-of-${side.tenant}`] ?? {}, { holds: KeyId.make(side.keys[0] ?? "none") })
  }
  const secrets = new Set([admin, pepper])
  for (const { side } of [first, second])
    for (const secret of [side.key, side.readerKey, ...side.secrets]) secrets.add(secret)
  return {
    document: (yield* ask("GET /openapi.json")).json as unknown as Document,
    fetch,
    sides: [first.side, second.side] as const,
    canaries: new Map([first, second].map(({ canaries, side }) => [side, canaries])),
    secrets,
    isFaulty
  }
})

/** Keeps what is logged and traced. */
const logged = <E, R>(setting: Effect.Effect<Omit<Stage, "takeLog">, E, R>): Effect.Effect<Stage, E, R> => {
  const { layer, records } = Canary.recorder()
  return Effect.map(Effect.provide(journaled(setting), layer), (stage) => ({
    ...stage,
    takeLog: () =>
      records
        .splice(0)
        // What a span succeeds with is nobody's to see; exporters say that it did.
        .filter(([where]) => !where.startsWith("exit of span"))
        .map(([, value]) => shown(value))
        .join("\n")
  }))
}

/** A stage over a store in memory. `changing` may break it. */
export const memory = (changing: (opened: Opened) => Opened = (opened) => opened) =>
  logged(Effect.flatMap(stores, ({ opened }) => stageOver(changing(opened), false)))

const credential = ArthurEmulator.makeCredential()

/** A stage over an emulated engine of Arthur's, some of whose answers fail, are lost, or are garbled. */
export const emulated = (seed: number) =>
  logged(
    Effect.gen(function* () {
      const emulator = ArthurEmulator.make({
        credentials: [{ kind: "master", value: credential }],
        maxApiKeys: 100_000
      })
      const driver = Effect.provideService(
        Arthur.make({ baseUrl: "https://engine.test", apiKey: Redacted.make(credential) }),
        Fetch,
        emulator.fetch
      )
      const opened = yield* KeyStores.make({
        stores: {
          engine: {
            backend: "arthur",
            capabilities: Arthur.capabilities({}),
            driver,
            options: { labelSecret: Redacted.make("a secret for marks that is long enough for everyone") },
            retry: { attempts: 1 }
          }
        },
        tenants: { acme: "engine", globex: "engine" },
        idle: "1 day"
      })
      const stage = yield* stageOver(opened, true)
      const times = { stale: [0, 0] as const }
      emulator.setFaults(Faults.plan({ seed, mix: { ...Faults.mixes.everything, none: 10 }, scale: 0.0001, times }))
      return stage
    })
  )
