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
import { within } from "../words.ts"
import { makeRecorder, Surprise } from "./recorder.ts"

type Store = KeyStore["Service"]

const surprise = (problem: string) => Effect.fail(new Surprise({ problem }))

const pause = Duration.millis(50)

/** Lists until the listing is as it should be, for as long as the store declares that reads may lag. */
const listUntil = Effect.fnUntraced(function* (store: Store, done: (keys: ReadonlyArray<ApiKey>) => boolean) {
  const longest = Duration.toMillis(store.capabilities.consistency.visibility.within)
  const start = yield* Clock.currentTimeMillis
  for (let again = false; ; again = true) {
    const keys = yield* Stream.runCollect(store.list())
    const waited = (yield* Clock.currentTimeMillis) - start
    if (done(keys)) return { keys, after: again ? ` after ${(waited / 1000).toFixed(1)} s` : "" }
    if (waited > longest) return yield* surprise(`the list is still not up to date after ${waited} ms`)
    yield* Effect.sleep(pause)
  }
})

const plural = (count: number): string => (count === 0 ? "no keys" : count === 1 ? "1 key" : `${count} keys`)

const listed = (store: Store, issued: IssuedKey) =>
  Effect.map(
    listUntil(store, (keys) => keys.some(({ id }) => id === issued.key.id)),
    ({ after, keys }) => `${plural(keys.length)}, new one seen${after}`
  )

const gone = (store: Store, issued: IssuedKey) =>
  Effect.map(
    listUntil(store, (keys) => keys.every(({ id }) => id !== issued.key.id)),
    ({ after, keys }) => `${plural(keys.length)}, new one gone${after}`
  )

const describeKey = ({ owner, scopes, status }: ApiKey): string =>
  [
    status,
    owner === undefined ? "no owner" : `owner ${owner}`,
    scopes.length === 0 ? "no scopes" : `may ${scopes.join(" and ")}`
  ].join(", ")

const got = (store: Store, issued: IssuedKey) =>
  Effect.flatMap(store.get(issued.key), (key) =>
    key.id === issued.key.id && key.status === "active"
      ? Effect.succeed(describeKey(key))
      : surprise(`expected the active key ${issued.key.id}, got ${key.id}, ${key.status}`)
  )

const describeUsage = ({ completedRequests, lastUsedAt }: KeyUsage): string => {
  const last = lastUsedAt === undefined ? "no last use known" : `last at ${time(lastUsedAt).slice(11)}`
  if (completedRequests === undefined) return last
  return `${completedRequests === 1 ? "1 request" : `${completedRequests} requests`}, ${last}`
}

const verified = (store: Store, issued: IssuedKey, valid: boolean) =>
  Effect.flatMap(store.verify(issued.secret), (verification) => {
    if (verification.valid !== valid) return surprise(`expected ${valid ? "a valid" : "an invalid"} secret`)
    return Effect.succeed(verification.valid ? "secret valid" : `secret refused: ${verification.reason ?? "not valid"}`)
  })

const revoked = (store: Store, issued: IssuedKey) =>
  Effect.map(store.revoke(issued.key), ({ effectiveWithin }) => `revoked, void ${within(effectiveWithin)}`)

/** A UUID is told by its beginning. */
const short = (id: string): string => (id.length > 16 ? `${id.slice(0, 8)}…` : id)

/** Runs the operations one after another and tells what each did. */
export const program = Effect.fnUntraced(function* (store: Store, requests: (() => number) | undefined) {
  const { record, steps } = makeRecorder(store, requests)
  const issued = yield* record(
    "create",
    store.create({ name: "tour key" }),
    ({ key }) => `secret and key ${short(key.id)}`
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
