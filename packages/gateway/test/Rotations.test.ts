import { assert, describe, it } from "@effect/vitest"
import { KeyId } from "@keyfold/core/ApiKey"
import type * as Gateway from "@keyfold/gateway/Gateway"
import * as Selector from "@keyfold/lifecycle/Selector"
import type { Schedule } from "@keyfold/lifecycle/RotationSchedule"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as References from "effect/References"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { eventually } from "./Eventually.ts"
import { journaled, rotating, type Place } from "./Rotating.ts"
import { make, type Answer, type Ask } from "./World.ts"

type Body = Readonly<Record<string, unknown>>

/** A gateway with a key of acme's that the place ci holds, and a place that holds a key of another tenant. */
const world = Effect.fnUntraced(function* (
  schedules: ReadonlyArray<Schedule> = [],
  probing = Effect.succeed(true),
  more: Partial<Gateway.Options> = {}
) {
  const places: Record<string, Place> = {
    ci: { holds: undefined, secret: undefined },
    empty: { holds: undefined, secret: undefined },
    other: { holds: KeyId.make("another-tenants-key"), secret: undefined }
  }
  const made = yield* make(more, true, (opened) => rotating(opened, places, { schedules, probing }))
  const { admin, ask } = made
  const create = (tenant: string) =>
    Effect.map(ask(`POST /v1/tenants/${tenant}/keys`, { key: admin, body: { name: "ci" } }), ({ json }) => {
      const { key, secret } = json as { readonly key: { readonly id: string }; readonly secret: string }
      return { id: KeyId.make(key.id), secret }
    })
  const old = yield* create("acme")
  Object.assign(places["ci"] ?? {}, { holds: old.id, secret: old.secret })
  const isValid = (secret: unknown) =>
    Effect.map(ask("POST /v1/tenants/acme/verify", { key: admin, body: { secret } }), ({ json }) => json["valid"])
  const rotate = (body: Body, more: Ask = {}, id: string = old.id) =>
    ask(`POST /v1/tenants/acme/keys/${id}/rotations`, { key: admin, body, ...more })
  const act = (id: unknown, what: string, body?: Body, more: Ask = {}) =>
    ask(`POST /v1/tenants/acme/rotations/${String(id)}/${what}`, { key: admin, body, ...more })
  const look = (id: unknown) => ask(`GET /v1/tenants/acme/rotations/${String(id)}`, { key: admin })
  const until = (id: unknown, member: string, value: string) =>
    eventually(
      look(id),
      ({ json }) => json[member] === value,
      ({ text }) => `the rotation did not get to ${value}: ${text}`
    )
  const reach = (id: unknown, status: string) => until(id, "status", status)
  const inStep = (id: unknown, step: string) => until(id, "step", step)
  return { ...made, places, create, old, isValid, rotate, act, look, reach, inStep }
})

const typeOf = ({ json }: Answer): string => String(json["type"]).replace("urn:keyfold:problem:", "")

const rotationOf = ({ json }: Answer): Body => json["rotation"] as Body

const living = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) =>
  journaled(effect).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None"))

const inResponse = { deliver: "response", overlapMillis: 0 }

describe("a rotation into a sink", () => {
  it.live("puts the new secret where the holder reads it, and shows it to nobody", () =>
    living(
      Effect.gen(function* () {
        const { admin, ask, audit, isValid, old, places, reach, rotate } = yield* world()
        const headers = { "x-keyfold-reason": "left the team" }
        const answer = yield* rotate({ sink: "ci", overlapMillis: 0, probe: "api" }, { headers })
        assert.strictEqual(answer.status, 202, answer.text)
        assert.strictEqual(answer.json["deliver"], "sink")
        const done = yield* reach(answer.json["id"], "done")
        assert.deepInclude(done.json, { handedOver: true, verified: "verified", tenant: "acme", sink: "ci" })
        const secret = places["ci"]?.secret ?? ""
        assert.deepStrictEqual([yield* isValid(secret), yield* isValid(old.secret)], [true, false])
        const listed = yield* ask("GET /v1/tenants/acme/rotations", { key: admin })
        assert.deepStrictEqual(listed.json["rotations"], [done.json])
        for (const { text } of [answer, done, listed]) {
          assert.notInclude(text, secret)
          assert.notInclude(text, "/var/lib")
        }
        const entries = yield* Stream.runCollect(audit.entries({ operation: "rotate" }))
        assert.deepStrictEqual(
          entries.map(({ key, operationId, outcome, reason }) => [key, operationId, outcome, reason]),
          ["begun", "done"].map((outcome) => [old.id, answer.json["id"], outcome, "left the team"])
        )
      })
    )
  )

  it.live("is refused where the sink is not known to hold this key, whoever it belongs to and whether it exists", () =>
    living(
      Effect.gen(function* () {
        const { places, rotate } = yield* world()
        const answers = yield* Effect.forEach(["other", "empty", "nowhere"], (sink) => rotate({ sink }))
        const [first] = answers
        for (const answer of answers) {
          assert.deepStrictEqual([answer.status, typeOf(answer), answer.json["field"]], [422, "sink-refused", "/sink"])
          assert.strictEqual(answer.json["detail"], first?.json["detail"])
          assert.notInclude(answer.text, "another-tenants-key")
        }
        assert.strictEqual(places["other"]?.holds, "another-tenants-key")
      })
    )
  )

  it.live("goes by the schedule that means the key where the request says nothing", () =>
    living(
      Effect.gen(function* () {
        const where = Selector.parse('name == "ci"')
        if (Result.isFailure(where)) return assert.fail("the selector is wrong")
        const { act, inStep, places, reach, rotate } = yield* world([
          { store: "rich", every: "90 days", overlap: "7 hours", sink: "ci", where: where.success, probe: "api" }
        ])
        const answer = yield* rotate({})
        assert.strictEqual(answer.status, 202, answer.text)
        assert.deepInclude(answer.json, {
          sink: "ci",
          overlapMillis: 7 * 3_600_000,
          expiry: "sameLifetime",
          probe: "api"
        })
        const waiting = yield* inStep(answer.json["id"], "overlap")
        const until = Date.parse(String(waiting.json["overlapUntil"])) - Date.parse(String(waiting.json["createdAt"]))
        assert.isAtLeast(until, 7 * 3_600_000)
        assert.deepStrictEqual(waiting.json["newKey"], { id: places["ci"]?.holds })
        const aborted = yield* act(answer.json["id"], "abort")
        assert.strictEqual(aborted.status, 202, aborted.text)
        const still = yield* reach(answer.json["id"], "needsAttention")
        assert.deepInclude(still.json, { awaiting: "decision", handedOver: true })
        assert.strictEqual((yield* act(answer.json["id"], "resume")).json["step"], "overlap")
      })
    )
  )

  it.live("is one rotation for one idempotency key, and another request with it is told so", () =>
    living(
      Effect.gen(function* () {
        const { admin, ask, rotate } = yield* world()
        const headers = { "idempotency-key": "rotate-ci-1" }
        const body = { sink: "ci", overlapMillis: 3_600_000 }
        const first = yield* rotate(body, { headers })
        const again = yield* rotate(body, { headers })
        assert.deepStrictEqual([first.status, again.status], [202, 202])
        assert.strictEqual(first.json["id"], again.json["id"])
        const other = yield* rotate({ ...body, overlapMillis: 0 }, { headers })
        assert.deepStrictEqual([other.status, typeOf(other)], [422, "operation-reused"])
        const busy = yield* rotate({ ...body, probe: "api" })
        assert.oneOf(typeOf(busy), ["conflict", "sink-refused"])
        const listed = yield* ask("GET /v1/tenants/acme/rotations", { key: admin })
        assert.strictEqual((listed.json["rotations"] as Array<unknown>).length, 1)
      })
    )
  )

  it.live("is refused for what is not there, not active, not configured or not granted", () =>
    living(
      Effect.gen(function* () {
        const { admin, ask, caller, create, look, old, rotate } = yield* world()
        const expecting = (answer: Answer, status: number, type: string, field?: string) =>
          assert.deepStrictEqual(
            [answer.status, typeOf(answer), answer.json["field"]],
            [status, type, field],
            answer.text
          )
        expecting(yield* rotate({}), 422, "unconfigured", "/sink")
        expecting(yield* rotate({ sink: "ci", probe: "none" }), 422, "unconfigured", "/probe")
        expecting(yield* rotate({ sink: "ci:name" }), 400, "invalid-request", "/sink")
        expecting(yield* rotate({ deliver: "response", sink: "ci" }), 400, "invalid-request", "/sink")
        expecting(yield* rotate({ sink: "ci", overlapMillis: -1 }), 400, "invalid-request", "/overlapMillis")
        expecting(yield* rotate({ sink: "ci" }, {}, "no-such-key"), 404, "unknown-key")
        const foreign = yield* create("globex")
        expecting(yield* rotate({ sink: "ci" }, {}, foreign.id), 404, "unknown-key")
        const reader = yield* caller("acme:list")
        expecting(yield* rotate({ sink: "ci" }, { key: reader }), 403, "forbidden")
        expecting(yield* rotate(inResponse, { key: yield* caller("acme:rotate") }), 403, "forbidden")
        expecting(yield* look("gwr_none"), 404, "unknown-rotation")
        assert.strictEqual((yield* ask("GET /v1/tenants/acme/rotations", { key: reader })).status, 200)
        yield* ask(`DELETE /v1/tenants/acme/keys/${old.id}`, { key: admin })
        expecting(yield* rotate({ sink: "ci" }), 422, "refused-by-store")
      })
    )
  )

  it.live("is unknown at another tenant, whatever is asked of it", () =>
    living(
      Effect.gen(function* () {
        const { ask, caller, rotate } = yield* world()
        const { json } = yield* rotate({ sink: "ci", overlapMillis: 3_600_000 })
        const key = yield* caller("globex:*")
        const path = `/v1/tenants/globex/rotations/${String(json["id"])}`
        for (const line of [`GET ${path}`, ...["resume", "abort", "confirm"].map((what) => `POST ${path}/${what}`)]) {
          const answer = yield* ask(line, { key })
          assert.deepStrictEqual([answer.status, typeOf(answer)], [404, "unknown-rotation"])
        }
        const resolved = yield* ask(`POST ${path}/resolve`, { key, body: { keep: "old" } })
        assert.strictEqual(typeOf(resolved), "unknown-rotation")
        const listed = yield* ask("GET /v1/tenants/globex/rotations", { key })
        assert.deepStrictEqual(listed.json, { rotations: [] })
      })
    )
  )

  it.live("is told as not set up where the gateway has nothing to rotate with", () =>
    living(
      Effect.gen(function* () {
        const { admin, ask } = yield* make()
        const answers = [
          yield* ask("POST /v1/tenants/acme/keys/x/rotations", { key: admin, body: {} }),
          yield* ask("GET /v1/tenants/acme/rotations", { key: admin }),
          yield* ask("POST /v1/tenants/acme/rotations/x/abort", { key: admin })
        ]
        for (const answer of answers) {
          assert.deepStrictEqual([answer.status, typeOf(answer)], [422, "unconfigured"])
        }
      })
    )
  )
})

describe("a rotation into the response", () => {
  it.live("shows the new secret once, and revokes the old key only once the secret is confirmed to have arrived", () =>
    living(
      Effect.gen(function* () {
        const { act, isValid, look, old, reach, rotate } = yield* world()
        const headers = { "idempotency-key": "mine" }
        const answer = yield* rotate(inResponse, { headers })
        assert.strictEqual(answer.status, 201, answer.text)
        const { secret } = answer.json as { readonly secret: string }
        const { id } = rotationOf(answer)
        assert.deepInclude(rotationOf(answer), {
          status: "needsAttention",
          awaiting: "confirmation",
          deliver: "response"
        })
        assert.notProperty(rotationOf(answer), "sink")
        assert.deepStrictEqual([yield* isValid(secret), yield* isValid(old.secret)], [true, true])
        const again = yield* rotate(inResponse, { headers })
        assert.deepStrictEqual([again.status, typeOf(again), again.json["rotationId"]], [409, "conflict", id])
        const resumed = yield* act(id, "resume")
        assert.deepStrictEqual([resumed.status, typeOf(resumed)], [409, "needs-attention"])
        assert.strictEqual((yield* act(id, "confirm")).status, 202)
        const done = yield* reach(id, "done")
        assert.deepStrictEqual([yield* isValid(secret), yield* isValid(old.secret)], [true, false])
        const late = yield* act(id, "confirm")
        assert.deepStrictEqual([late.status, typeOf(late)], [409, "conflict"])
        for (const { text } of [again, resumed, done, late, yield* look(id)]) assert.notInclude(text, secret)
      })
    )
  )

  it.live("leaves both keys live where the answer is lost, until somebody decides", () =>
    living(
      Effect.gen(function* () {
        const { act, isValid, old, reach, rotate } = yield* world()
        const answer = yield* rotate(inResponse)
        const { secret } = answer.json
        const { id } = rotationOf(answer)
        yield* Effect.sleep("100 millis")
        assert.deepStrictEqual([yield* isValid(secret), yield* isValid(old.secret)], [true, true])
        assert.strictEqual((yield* act(id, "resolve", { keep: "old" })).status, 202)
        const undone = yield* reach(id, "undone")
        assert.deepInclude(undone.json["failure"], { reason: "undone" })
        assert.deepStrictEqual([yield* isValid(secret), yield* isValid(old.secret)], [false, true])
      })
    )
  )

  it.live("is undone where it takes too long before the secret is on its way", () =>
    living(
      Effect.gen(function* () {
        const letGo = yield* Deferred.make<void>()
        const probing = Effect.as(Deferred.await(letGo), true)
        const { admin, ask, isValid, old, reach, rotate } = yield* world([], probing, {
          limits: { timeout: "1 second" }
        })
        const late = yield* rotate({ ...inResponse, probe: "api" })
        assert.deepStrictEqual([late.status, typeOf(late)], [504, "timeout"])
        yield* Deferred.succeed(letGo, undefined)
        const listed = yield* ask("GET /v1/tenants/acme/rotations", { key: admin })
        const [rotation] = listed.json["rotations"] as ReadonlyArray<Body>
        yield* reach(rotation?.["id"], "undone")
        assert.strictEqual(yield* isValid(old.secret), true)
        const keys = yield* ask("GET /v1/tenants/acme/keys", { key: admin })
        assert.strictEqual((keys.json["keys"] as Array<unknown>).length, 1)
      })
    )
  )

  it.live("tells why it came to nothing", () =>
    living(
      Effect.gen(function* () {
        const { isValid, old, rotate } = yield* world()
        const late = yield* rotate({ ...inResponse, overlapMillis: 3_600_000, expiry: "2001-01-01T00:00:00Z" })
        assert.deepStrictEqual([late.status, typeOf(late), late.json["field"]], [422, "refused-by-store", "/expiry"])
        assert.strictEqual(yield* isValid(old.secret), true)
      })
    )
  )
})

describe("the list of rotations", () => {
  it.live("is told of a page at a time, the newest first, by status and by key", () =>
    living(
      Effect.gen(function* () {
        const { admin, ask, create, old, rotate } = yield* world()
        const keys = [old, yield* create("acme"), yield* create("acme")]
        const ids: Array<unknown> = []
        for (const { id } of keys) ids.unshift(rotationOf(yield* rotate(inResponse, {}, id))["id"])
        const page = (query: string) => ask(`GET /v1/tenants/acme/rotations?${query}`, { key: admin })
        const told = ({ json }: Answer) => (json["rotations"] as ReadonlyArray<Body>).map(({ id }) => id)
        const first = yield* page("limit=2")
        assert.deepStrictEqual(told(first), ids.slice(0, 2))
        const second = yield* page(`limit=2&cursor=${String(first.json["next"])}`)
        assert.deepStrictEqual([told(second), second.json["next"]], [ids.slice(2), undefined])
        assert.deepStrictEqual(told(yield* page("status=running&status=done")), [])
        assert.deepStrictEqual(told(yield* page(`status=needsAttention&key=${old.id}`)), ids.slice(2))
        const stray = yield* page("cursor=nonsense")
        assert.deepStrictEqual([stray.status, stray.json["field"]], [400, "cursor"])
      })
    )
  )
})
