/** The program that the tour runs on every store: written once, against `KeyStore` only. */
import type { ApiKey, IssuedKey } from "@keyfold/core/ApiKey"
import { supports } from "@keyfold/core/Capabilities"
import type { KeyStore } from "@keyfold/core/KeyStore"
import type { KeyUsage } from "@keyfold/core/KeyUsage"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { time } from "../keys.ts"
import { makeRecorder, Surprise } from "./recorder.ts"

type Store = KeyStore["Service"]

const surprise = (problem: string) => Effect.fail(new Surprise({ problem }))

const pause = Duration.millis(50)

/** Lists until the listing is as it should be, for as long as the store declares that reads may lag. */
const listUntil = Effect.fnUntraced(function* (store: Store, done: (keys: ReadonlyArray<ApiKey>) => boolean) {
  const { consistency, revocationLag } = store.capabilities
  const longest = Duration.toMillis(Duration.max(consistency.visibility.within, revocationLag.within))
  const start = yield* Clock.currentTimeMillis
  for (;;) {
    const keys = yield* Stream.runCollect(store.list())
    const waited = (yield* Clock.currentTimeMillis) - start
    if (done(keys)) return { keys, waited }
    if (waited > longest) return yield* surprise(`the list is still not up to date after ${waited} ms`)
    yield* Effect.sleep(pause)
  }
})

const plural = (count: number): string => (count === 0 ? "no keys" : count === 1 ? "1 key" : `${count} keys`)

const after = (waited: number): string => (waited < Duration.toMillis(pause) ? "" : ` after ${waited} ms`)

const listed = (store: Store, issued: IssuedKey) =>
  Effect.map(
    listUntil(store, (keys) => keys.some(({ id }) => id === issued.key.id)),
    ({ keys, waited }) => `${plural(keys.length)}, new one shown${after(waited)}`
  )

const gone = (store: Store, issued: IssuedKey) =>
  Effect.map(
    listUntil(store, (keys) => keys.every(({ id }) => id !== issued.key.id)),
    ({ keys, waited }) => `${plural(keys.length)}, revoked one gone${after(waited)}`
  )

const got = (store: Store, issued: IssuedKey) =>
  Effect.flatMap(store.get(issued.key), ({ id, owner, status }) =>
    id === issued.key.id && status === "active"
      ? Effect.succeed(`active, ${owner === undefined ? "no owner" : `owner ${owner}`}`)
      : surprise(`expected the active key ${issued.key.id}, got ${id}, ${status}`)
  )

const describeUsage = ({ completedRequests, lastUsedAt }: KeyUsage): string => {
  const last = lastUsedAt === undefined ? "last use not known" : `last ${time(lastUsedAt)}`
  if (completedRequests === undefined) return last
  return `${completedRequests === 1 ? "1 request" : `${completedRequests} requests`}, ${last}`
}

const verified = (store: Store, issued: IssuedKey, valid: boolean) =>
  Effect.flatMap(store.verify(issued.secret), (verification) => {
    if (verification.valid !== valid) return surprise(`expected ${valid ? "a valid" : "an invalid"} secret`)
    return Effect.succeed(
      verification.valid ? "the secret is valid" : `the secret is refused: ${verification.reason ?? "not valid"}`
    )
  })

const revoked = (store: Store, issued: IssuedKey) =>
  Effect.map(store.revoke(issued.key), ({ effectiveWithin }) => {
    const lag = Duration.toMillis(effectiveWithin)
    return `revoked, effective ${lag === 0 ? "at once" : `within ${lag / 1000} s`}`
  })

/** Runs the operations one after another and tells what each did. */
export const program = Effect.fnUntraced(function* (store: Store, requests: (() => number) | undefined) {
  const { record, steps } = makeRecorder(store, requests)
  const issued = yield* record(
    "create",
    store.create({ name: "tour key" }),
    ({ key }) => `key ${key.id} and its secret`
  )
  if (issued === undefined) return steps
  yield* record("list", listed(store, issued))
  yield* record("get", got(store, issued))
  yield* record("verify", verified(store, issued, true))
  yield* record("usage", Effect.map(store.usage(issued.key), describeUsage))
  yield* record("revoke", revoked(store, issued))
  if (supports(store.capabilities, "verify")) yield* record("verify", verified(store, issued, false))
  yield* record("list", gone(store, issued))
  return steps
})
