import { assert, describe, it } from "@effect/vitest"
import * as Gateway from "@keyfold/gateway/Gateway"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import { TestClock } from "effect/testing"
import { Entry } from "../src/internal/entry.ts"
import { make as problem } from "../src/Problem.ts"
import * as refusals from "../src/internal/refusals.ts"
import { asking, database, stores } from "./World.ts"

const limit = { requests: 3, within: "1 minute" } as const

/** A gateway on a socket, whose clients say through a proxy where they are. */
const serving = Effect.fnUntraced(function* (more: Partial<Gateway.Options> = {}) {
  const { opened } = yield* stores
  const at = yield* database
  const admin = Redacted.value((yield* Gateway.init(at)).secret)
  const { url } = yield* Gateway.serve({
    backends: Gateway.fromKeyStores(opened, false),
    database: at,
    port: 0,
    limits: { refusals: limit },
    trustedProxies: ["127.0.0.1"],
    ...more
  })
  const ask = asking(fetch, url)
  const from = (address: string, key: string | undefined) =>
    ask("GET /v1/tenants", { key, headers: { "x-forwarded-for": address } })
  const caller = Effect.map(Gateway.createCaller(at, { grants: ["acme:list"] }), ({ secret }) => Redacted.value(secret))
  return { admin, ask, caller, from }
})

const quiet = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provideService(effect, References.MinimumLogLevel, "None")

describe("refused credentials", () => {
  it.live("hold up their address, and nobody who is elsewhere or was let in before", () =>
    Effect.gen(function* () {
      const { admin, ask, caller, from } = yield* serving()
      const known = yield* caller
      assert.strictEqual((yield* from("203.0.113.9", known)).status, 200)
      for (let tries = 0; tries < 3; tries++) {
        assert.strictEqual((yield* from("203.0.113.9", `guess-${tries}`)).status, 401)
      }
      const held = yield* from("203.0.113.9", "guess-4")
      assert.deepStrictEqual([held.status, held.json["type"]], [429, "urn:keyfold:problem:rate-limited"])
      const after = Number(held.headers.get("retry-after"))
      assert.isTrue(after >= 1 && after <= 60, String(after))
      assert.strictEqual(held.json["retryAfter"], after)
      const right = yield* from("203.0.113.9", admin)
      assert.strictEqual(right.status, 429, "who is held up must not learn that a guess was right")
      assert.strictEqual((yield* from("203.0.113.9", known)).status, 200)
      assert.strictEqual((yield* from("203.0.113.10", admin)).status, 200)
      assert.strictEqual((yield* from("203.0.113.9", admin)).status, 200, "it was let in from elsewhere")
      assert.strictEqual((yield* from("203.0.113.9", undefined)).status, 401, "no credential is no guess")
      const health = yield* ask("GET /health", { headers: { "x-forwarded-for": "203.0.113.9" } })
      assert.strictEqual(health.status, 200)
    }).pipe(Effect.scoped, quiet)
  )

  it.live("are counted where the connection comes from, whatever a client says, without a trusted proxy", () =>
    Effect.gen(function* () {
      const { from } = yield* serving({ trustedProxies: [] })
      const statuses = yield* Effect.forEach([1, 2, 3, 4], (last) =>
        Effect.map(from(`203.0.113.${last}`, "guess"), ({ status }) => status)
      )
      assert.deepStrictEqual(statuses, [401, 401, 401, 429])
    }).pipe(Effect.scoped, quiet)
  )

  const at = (address: string | undefined) =>
    Effect.provideService(Entry, {
      requestId: "",
      address,
      route: undefined,
      actor: undefined,
      tenant: undefined,
      operation: undefined
    })

  const oneAMinute = { requests: 1, within: Duration.minutes(1) }

  it.effect("are forgotten after their time", () =>
    Effect.gen(function* () {
      const { check, count } = refusals.make(oneAMinute)
      const here = at("192.0.2.1")
      yield* here(count)
      yield* TestClock.adjust("59 seconds")
      const held = yield* Effect.flip(here(check))
      assert.deepStrictEqual([held.name, held.details.retryAfter], ["rate-limited", 1])
      yield* TestClock.adjust("1 second")
      yield* here(check)
      yield* at(undefined)(Effect.andThen(count, Effect.andThen(count, check)))
    })
  )

  it.effect("are remembered of so many places, and not of more", () =>
    Effect.gen(function* () {
      const { check, count } = refusals.make(oneAMinute)
      const place = (index: number) => at(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`)
      for (let index = 0; index < 10_001; index++) yield* place(index)(count)
      yield* place(0)(check)
      assert.strictEqual((yield* Effect.flip(place(1)(check))).name, "rate-limited")
      assert.strictEqual((yield* Effect.flip(place(10_000)(check))).name, "rate-limited")
    })
  )

  it.effect("that became so do not let their credential in any more", () =>
    Effect.gen(function* () {
      const refused = problem("unauthenticated", "no")
      let isGood = true
      const callers = refusals.guarding(
        () => (isGood ? Effect.succeed({ actor: "key:a", grants: [] }) : Effect.fail(refused)),
        refusals.make(oneAMinute)
      )
      const ask = at("192.0.2.1")(Effect.result(callers(Redacted.make("secret"))))
      const names = [yield* ask, ((isGood = false), yield* ask), yield* ask].map((result) =>
        result._tag === "Failure" ? result.failure.name : "let in"
      )
      assert.deepStrictEqual(names, ["let in", "unauthenticated", "rate-limited"])
    })
  )

  it.effect("of a network of IPv6 are of one place, and those of an unknown one are not counted", () =>
    Effect.gen(function* () {
      assert.strictEqual(refusals.placeOf("2001:db8:1:2:3:4:5:6"), refusals.placeOf("2001:db8:1:2::1"))
      assert.notStrictEqual(refusals.placeOf("2001:db8:1:2::1"), refusals.placeOf("2001:db8:1:3::1"))
      assert.strictEqual(refusals.placeOf("::ffff:192.0.2.1"), refusals.placeOf("192.0.2.1"))
      assert.strictEqual(refusals.placeOf("fe80::1%eth0"), refusals.placeOf("fe80::2"))
      yield* Effect.void
    })
  )
})
