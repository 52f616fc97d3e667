/** From what goes wrong on the wire to the reason callers see. */
import type { IssuedKey } from "@keyfold/core/ApiKey"
import type { Reason } from "@keyfold/core/KeyStoreError"
import * as Effect from "effect/Effect"
import type { Failure, Garbling } from "../../Backend.ts"
import { inGroup } from "../definition.ts"
import { broken, fails, isTrue, same } from "../expect.ts"
import { eventually } from "../virtualTime.ts"
import { bare, created, listed, timesOf, type World } from "../world.ts"
import { everyCall, reads, whileFailing, type Call } from "./operations.ts"

const failures = inGroup("failures")

const many = 100

/** Expects each call to fail for one of the reasons while the backend fails, with the wrapper filled in. */
const expecting = (
  failure: Failure,
  tags: ReadonlyArray<Reason["_tag"]>,
  calls: (world: World, issued: IssuedKey) => ReadonlyArray<Call>
) =>
  Effect.fnUntraced(function* (world: World) {
    const issued = yield* created(world, { name: "ci" })
    for (const { operation, run } of calls(world, issued)) {
      const begin = () => world.backend.fail(failure, many)
      const error = yield* whileFailing(world, begin, fails(run, ...tags))
      yield* same(error.operation, operation, "operation of the error")
      yield* same(error.store, world.store.store, "store of the error")
      yield* same(error.backend, world.store.backend, "backend of the error")
      yield* isTrue(error.attempts >= 1, "an error of a request that was sent counts it")
    }
  })

/** Every call but verify, to which a refusal of the credential can be an answer. */
const refusable = (world: World, issued: IssuedKey) =>
  everyCall(world, issued).filter(({ operation }) => operation !== "verify")

const toList = (world: World): ReadonlyArray<Call> => [{ operation: "list", run: listed(world.store) }]

const toCreate = (world: World): ReadonlyArray<Call> => [
  { operation: "create", run: world.store.create({ name: "another" }) }
]

const asked = Effect.fnUntraced(function* (world: World) {
  yield* created(world, { name: "ci" })
  const begin = () => world.backend.fail({ status: 503, retryAfter: 120 }, many)
  const error = yield* whileFailing(world, begin, fails(listed(world.store), "Unavailable"))
  yield* isTrue(error.isRetryable, "an outage that is not exhausted may be retried later")
  yield* same(error.retryAfter?.toString(), "120000 millis", "the time the backend asked to wait")
})

const unreadable = (garbling: Garbling) =>
  Effect.fnUntraced(function* (world: World) {
    const issued = yield* created(world, { name: "ci" })
    for (const { operation, run } of reads(world, issued)) {
      const begin = () => world.backend.garble(garbling, many)
      const { times } = yield* timesOf(world, whileFailing(world, begin, fails(run, "InvalidResponse")))
      yield* same(times.length, 1, `requests of ${operation}: an answer that cannot be read is not asked for again`)
    }
  })

const stillThere = Effect.fnUntraced(function* (world: World) {
  const { key } = yield* created(world, { name: "ci" })
  for (const failure of [{ status: 500 }, { status: 403 }, { network: "reset" }] satisfies ReadonlyArray<Failure>) {
    const begin = () => world.backend.fail(failure, many)
    const result = yield* whileFailing(world, begin, Effect.result(world.store.revoke(key)))
    if (result._tag === "Success") return yield* broken("a revocation the backend never saw succeeds")
  }
  yield* same((yield* world.store.get(bare(key))).status, "active", "status of a key whose revocation failed")
})

const redirected = Effect.fnUntraced(function* (world: World) {
  yield* created(world, { name: "ci" })
  const begin = () => world.backend.fail({ status: 302, location: "https://elsewhere.example/keys" }, many)
  const { times } = yield* timesOf(world, whileFailing(world, begin, fails(listed(world.store), "InvalidRequest")))
  yield* same(times.length, 1, "requests: a redirect is not followed")
})

const timesOut = Effect.fnUntraced(function* (world: World) {
  const issued = yield* created(world, { name: "ci" })
  for (const { run } of reads(world, issued)) {
    const error = yield* whileFailing(world, () => world.backend.hang(many), fails(run, "Timeout"))
    yield* isTrue(error.exhausted, "a read that times out each time is exhausted")
  }
  const closed = yield* eventually(() => world.backend.requests().every(({ pending }) => !pending))
  yield* isTrue(closed, "a request that timed out is aborted")
})

const inEveryCall = "in every call"

/** The cases about failures. */
export const cases = [
  failures(`a 401 is Unauthenticated ${inEveryCall}`, expecting({ status: 401 }, ["Unauthenticated"], refusable), {
    needs: ["backend"]
  }),
  failures(`a 403 is PermissionDenied ${inEveryCall}`, expecting({ status: 403 }, ["PermissionDenied"], refusable), {
    needs: ["backend"]
  }),
  failures(
    "a 404 to a list is an error and no empty list",
    expecting({ status: 404, body: "<html>Not here</html>" }, ["NotFound", "InvalidRequest"], toList),
    { needs: ["backend"] }
  ),
  failures("a 409 to a create is a Conflict", expecting({ status: 409 }, ["Conflict"], toCreate), {
    needs: ["backend"]
  }),
  failures(
    "a 400 to a create is InvalidRequest",
    expecting(
      { status: 400, body: '{"detail":"Something the adapter has never heard of"}' },
      ["InvalidRequest"],
      toCreate
    ),
    { needs: ["backend"] }
  ),
  failures(`a 429 is RateLimited ${inEveryCall}`, expecting({ status: 429 }, ["RateLimited"], everyCall), {
    needs: ["backend"]
  }),
  failures("a 500 is Unavailable in every read", expecting({ status: 500 }, ["Unavailable"], reads), {
    needs: ["backend"]
  }),
  failures(
    "a 502 with a web page is Unavailable in every read",
    expecting({ status: 502, body: "<html><h1>Bad gateway</h1></html>" }, ["Unavailable"], reads),
    { needs: ["backend"] }
  ),
  failures("a 503 keeps the time it asks to wait", asked, { needs: ["backend"] }),
  failures(
    `a refused connection is Network ${inEveryCall}`,
    expecting({ network: "refused" }, ["Network"], everyCall),
    {
      needs: ["backend"]
    }
  ),
  failures("a broken connection is Network in every read", expecting({ network: "reset" }, ["Network"], reads), {
    needs: ["backend"]
  }),
  failures("a page in place of JSON is InvalidResponse", unreadable("html"), { needs: ["backend"] }),
  failures("JSON that is cut off is InvalidResponse", unreadable("truncated"), { needs: ["wire"] }),
  failures("an empty body in place of JSON is InvalidResponse", unreadable("empty"), { needs: ["wire"] }),
  failures("a sentence labelled as JSON is InvalidResponse", unreadable("text"), { needs: ["wire"] }),
  failures("a revocation that fails leaves the key as it is", stillThere, { needs: ["backend"] }),
  failures("a redirect is refused and not followed", redirected, { needs: ["wire"] }),
  failures("a read without an answer is a Timeout and leaves no request open", timesOut, { needs: ["wire"] })
]
