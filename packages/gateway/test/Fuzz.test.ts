import { assert, describe, it } from "@effect/vitest"
import type { KeyStore } from "@keyfold/core/KeyStore"
import * as Effect from "effect/Effect"
import { operationsOf } from "./Conforming.ts"
import { fuzz, type Report } from "./Fuzzing.ts"
import * as FuzzStage from "./FuzzStage.ts"

const isThorough = process.env["KEYFOLD_THOROUGH"] !== undefined

/** `KEYFOLD_FUZZ_SEED` chooses other requests, `KEYFOLD_FUZZ_ROUNDS` how many about each operation. */
const seed = Number(process.env["KEYFOLD_FUZZ_SEED"] ?? 20261128)
const rounds = Number(process.env["KEYFOLD_FUZZ_ROUNDS"] ?? (isThorough ? 300 : 24))

const first = ({ violations }: Report) => violations.slice(0, 3)

describe("the gateway, asked everything from its own document", { timeout: 900_000 }, () => {
  it.live("answers as that says, fails nowhere by itself, and tells nobody what is not theirs", () =>
    Effect.gen(function* () {
      const stage = yield* FuzzStage.memory()
      const report = yield* fuzz(stage, seed, rounds)
      assert.deepStrictEqual(first(report), [], `${report.violations.length} violations with seed ${seed}`)
      for (const { method, path } of operationsOf(stage.document)) {
        const answered = [...report.statuses.keys()].filter((status) => status.startsWith(`${method} ${path} `))
        assert.isTrue(
          answered.some((status) => / 20\d$/.test(status)),
          `${method} ${path} never succeeded`
        )
      }
    }).pipe(Effect.scoped)
  )

  it.live("does so over a backend that fails, and calls its failures by their name", () =>
    Effect.gen(function* () {
      const stage = yield* FuzzStage.emulated(seed)
      const report = yield* fuzz(stage, seed + 1, rounds / 2)
      assert.deepStrictEqual(first(report), [], `${report.violations.length} violations with seed ${seed}`)
      const failed = [...report.statuses].filter(([status]) => / 5\d\d$/.test(status))
      assert.isNotEmpty(failed, "nothing failed, so that nothing was tried")
    }).pipe(Effect.scoped)
  )
})

type Stores = FuzzStage.Opened

/** Breaks the stores of tenants. */
const changed =
  (change: (store: KeyStore["Service"]) => KeyStore["Service"]) =>
  (opened: Stores): Stores => ({ ...opened, forTenant: (tenant) => Effect.map(opened.forTenant(tenant), change) })

const answering =
  (change: (response: Response, request: Request) => Response | Promise<Response>) =>
  (stage: FuzzStage.Stage): FuzzStage.Stage => ({
    ...stage,
    fetch: async (request) => change(await stage.fetch(request), request)
  })

const withBody = async (response: Response, change: (text: string) => string) =>
  new Response(change(await response.text()), response)

const asItIs = (stage: FuzzStage.Stage): FuzzStage.Stage => stage

/** What is wrong, and what has to be told of it. */
const mutants: ReadonlyArray<{
  readonly what: string
  readonly stores?: (opened: Stores) => Stores
  readonly stage?: (stage: FuzzStage.Stage) => FuzzStage.Stage
  readonly told: RegExp
}> = [
  {
    what: "a handler that ends in a defect",
    stores: changed((store) => ({ ...store, usage: () => Effect.die(new Error("a bug")) })),
    told: /^a 500: .*urn:keyfold:problem:internal/
  },
  {
    what: "a status that is not documented",
    stage: answering((response, { url }) =>
      response.status === 200 && url.endsWith("/health")
        ? new Response(response.body, { ...response, status: 203 })
        : response
    ),
    told: /^203 .*is not documented/
  },
  {
    what: "a member that is not documented",
    stage: answering((response) =>
      response.status === 200
        ? withBody(response, (text) => text.replace('"status":"active"', '"status":"active","x":1'))
        : response
    ),
    told: /excess property/
  },
  {
    what: "the store of another tenant",
    stores: (opened) => ({ ...opened, forTenant: () => opened.forTenant("globex") }),
    told: /^tells (?:owner-of-|name-of-|tag-of-|globex)/
  },
  {
    what: "a list that names another tenant's key",
    stage: (stage) => {
      const [, { keys }] = stage.sides
      return answering((response, { url }) =>
        url.includes("/acme/keys") && response.status === 200
          ? withBody(response, (text) => text.replace('"id":"', `"id":"${keys[0] ?? ""}`))
          : response
      )(stage)
    },
    told: /^tells /
  },
  {
    what: "a secret that is shown again",
    stage: (stage) => {
      const [{ secrets }] = stage.sides
      return answering((response) =>
        response.status === 200
          ? withBody(response, (text) => text.replace('"name":"', `"name":"${secrets[0] ?? ""}`))
          : response
      )(stage)
    },
    told: /^tells a secret/
  },
  {
    what: "a log line with what was sent",
    stores: changed((store) => ({
      ...store,
      get: (ref) => Effect.andThen(Effect.logInfo(`looking for ${ref.id}`), store.get(ref)),
      usage: (ref) => Effect.andThen(Effect.logInfo(`looking for ${ref.id}`), store.usage(ref)),
      revoke: (ref) => Effect.andThen(Effect.logInfo(`looking for ${ref.id}`), store.revoke(ref))
    })),
    told: /^the log repeats what was sent/
  }
]

describe("the fuzzing finds", () => {
  for (const { stage: changing = asItIs, stores, told, what } of mutants) {
    it.live(what, () =>
      Effect.gen(function* () {
        const stage = yield* FuzzStage.memory(stores)
        const { violations } = yield* fuzz(changing(stage), seed, 40, told)
        assert.isTrue(
          violations.some((violation) => told.test(violation)),
          violations.slice(0, 2).join("\n")
        )
      }).pipe(Effect.scoped)
    )
  }
})
