import { assert, describe, it } from "@effect/vitest"
import { KeyId } from "@keyfold/core/ApiKey"
import * as Effect from "effect/Effect"
import * as References from "effect/References"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { fieldsOf, linksOf, visitor, type Page } from "./ConsoleVisitor.ts"
import { eventually } from "./Eventually.ts"
import { journaled, rotating, type Place } from "./Rotating.ts"
import { make } from "./World.ts"

/** An administrator at the console of a gateway that rotates, and a key of acme's that the place ci holds. */
const opened = Effect.gen(function* () {
  const ci: Place = { holds: undefined, secret: undefined }
  const world = yield* make({}, true, (stores) => rotating(stores, { ci }))
  const { admin, ask } = world
  const created = yield* ask("POST /v1/tenants/acme/keys", { key: admin, body: { name: "ci" } })
  const { key, secret } = created.json as { readonly key: { readonly id: string }; readonly secret: string }
  Object.assign(ci, { holds: KeyId.make(key.id), secret })
  const isValid = (presented: string) =>
    Effect.map(
      ask("POST /v1/tenants/acme/verify", { key: admin, body: { secret: presented } }),
      ({ json }) => json["valid"]
    )
  const person = visitor(world.fetch)
  yield* person.signIn(admin)
  const until = (address: string, said: string) =>
    eventually(
      person.get(address),
      ({ seen }) => seen.includes(said),
      ({ seen }) => `the rotation did not get to "${said}": ${seen}`
    )
  return { ...world, ...person, ci, old: { id: key.id, secret }, isValid, until }
})

const living = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) =>
  journaled(effect).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None"))

const addressOf = ({ headers }: Page): string => headers.get("location") ?? ""

const secretOn = ({ text }: Page): string => /id="secret"\s+value="([^"]+)"/.exec(text)?.[1] ?? ""

describe("a rotation at the console", () => {
  it.live("shows the new secret once, waits until it is said to be in its place, and revokes the old key then", () =>
    living(
      Effect.gen(function* () {
        const { audit, get, isValid, old, post, until } = yield* opened
        const [address = ""] = linksOf(yield* get("/console/keys?tenant=acme"), "Rotate")
        const fields = { ...fieldsOf(yield* get(address)), deliver: "response", hours: "0", reason: "leaked" }
        const begun = yield* post("/console/rotate", fields)
        assert.strictEqual(begun.status, 201, begun.seen)
        const secret = secretOn(begun)
        assert.deepStrictEqual([yield* isValid(secret), yield* isValid(old.secret)], [true, true])
        const again = yield* post("/console/rotate", fields)
        assert.strictEqual(again.status, 409)
        const [looked = ""] = linksOf(again, "Look at the rotation")
        const waiting = yield* get(looked)
        assert.include(waiting.seen, "waits for you")
        assert.notInclude(waiting.text, "data-follow")
        const confirmed = yield* post("/console/rotation", { ...fieldsOf(begun), action: "confirm" })
        assert.strictEqual(addressOf(confirmed), looked)
        const done = yield* until(looked, "Done (done)")
        assert.deepStrictEqual([yield* isValid(secret), yield* isValid(old.secret)], [true, false])
        for (const { text } of [again, waiting, done]) assert.notInclude(text, secret)
        const entries = yield* Stream.runCollect(audit.entries({ operation: "rotate" }))
        assert.deepStrictEqual(entries.map(({ key, outcome, reason }) => [key, outcome, reason]).slice(0, 2), [
          [old.id, "begun", "leaked"],
          [old.id, "done", "leaked"]
        ])
      })
    )
  )

  it.live("goes into a sink by itself, is followed on its page, and takes its place in the list", () =>
    living(
      Effect.gen(function* () {
        const { ci, get, old, post, until } = yield* opened
        const fields = fieldsOf(yield* get(`/console/rotate?tenant=acme&id=${old.id}`))
        const begun = yield* post("/console/rotate", { ...fields, deliver: "sink", sink: "ci", hours: "5" })
        assert.strictEqual(begun.status, 303, begun.seen)
        const page = yield* until(addressOf(begun), "Both keys work (now)")
        assert.match(page.text, /id="progress"[^>]*data-follow="\d+"/)
        assert.include(page.seen, "in 4 hours")
        assert.include(page.text, `<code><bdi>${ci.holds}</bdi></code>`)
        assert.notInclude(page.text, ci.secret ?? "-")
        const listed = yield* get("/console/rotations?tenant=acme")
        assert.deepStrictEqual(linksOf(listed, old.id), [addressOf(begun)])
        assert.include(listed.seen, "under way")
      })
    )
  )

  it.live("says at its field what is wrong with it, and begins nothing", () =>
    living(
      Effect.gen(function* () {
        const { get, old, post } = yield* opened
        const fields = { ...fieldsOf(yield* get(`/console/rotate?tenant=acme&id=${old.id}`)), deliver: "sink" }
        const wrong = [
          [{ sink: "elsewhere" }, "sink"],
          [{ sink: "no name" }, "sink"],
          [{ sink: "ci", hours: "-1" }, "hours"],
          [{ sink: "ci", hours: "many" }, "hours"]
        ] as const
        for (const [written, name] of wrong) {
          const answer = yield* post("/console/rotate", { ...fields, ...written })
          assert.oneOf(answer.status, [400, 422])
          assert.include(answer.text, `id="${name}-wrong"`, answer.seen)
        }
        assert.include((yield* get("/console/rotations?tenant=acme")).seen, "No key of this tenant was rotated yet.")
      })
    )
  )

  it.live("is stopped or decided by who confirms it, and by nobody without the grant", () =>
    living(
      Effect.gen(function* () {
        const { caller, fetch, get, isValid, old, post, until } = yield* opened
        const fields = { ...fieldsOf(yield* get(`/console/rotate?tenant=acme&id=${old.id}`)), deliver: "response" }
        const begun = yield* post("/console/rotate", fields)
        const secret = secretOn(begun)
        const { rotation = "", seal = "" } = fieldsOf(begun)
        const address = `/console/rotation?tenant=acme&rotation=${rotation}`
        const deciding = { seal, tenant: "acme", rotation, action: "keep-old" }
        const unsure = yield* post("/console/rotation", deciding)
        assert.deepStrictEqual([unsure.status, yield* isValid(secret)], [400, true])
        const reader = visitor(fetch)
        yield* reader.signIn(yield* caller("acme:list"))
        const looked = yield* reader.get(address)
        assert.strictEqual(looked.status, 200)
        assert.notInclude(looked.text, 'name="action"')
        const theirs = fieldsOf(yield* reader.get("/console/keys?tenant=acme"))["seal"] ?? ""
        const refused = yield* reader.post("/console/rotation", { ...deciding, seal: theirs, sure: "yes" })
        assert.strictEqual(refused.status, 403)
        const hidden = yield* reader.get(`/console/rotate?tenant=acme&id=${old.id}`)
        assert.strictEqual(hidden.status, 403)
        assert.deepStrictEqual(linksOf(yield* reader.get("/console/keys?tenant=acme"), "Rotate"), [])
        const elsewhere = yield* get(`/console/rotation?tenant=globex&rotation=${rotation}`)
        assert.strictEqual(elsewhere.status, 404)
        const decided = yield* post("/console/rotation", { ...deciding, sure: "yes" })
        assert.strictEqual(decided.status, 303, decided.seen)
        yield* until(address, "The old key is as it was (done)")
        assert.deepStrictEqual([yield* isValid(secret), yield* isValid(old.secret)], [false, true])
      })
    )
  )

  it.effect("is not offered where the gateway rotates nothing", () =>
    Effect.gen(function* () {
      const { admin, ask, fetch } = yield* make()
      yield* ask("POST /v1/tenants/acme/keys", { key: admin, body: { name: "ci" } })
      const { get, signIn } = visitor(fetch)
      yield* signIn(admin)
      assert.notMatch((yield* get("/console/keys?tenant=acme")).text, /rotat/i)
      assert.strictEqual((yield* get("/console/rotate?tenant=acme&id=x")).status, 422)
      assert.strictEqual((yield* get("/console/rotations?tenant=acme")).status, 422)
    }).pipe(Effect.scoped)
  )
})
