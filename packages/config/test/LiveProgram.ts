/**
 * A service under load that reads its configuration again on SIGHUP, as a process of its own.
 *
 * It runs in the folder of a keyfold.yaml with tenants acme and globex. Arguments are `tenant/operation` to recover first.
 * Each line it prints is one event as JSON; a byte on standard input ends it.
 */
import * as Arthur from "@keyfold/arthur/Arthur"
import * as LiveConfiguration from "@keyfold/config/LiveConfiguration"
import type { KeyStore } from "@keyfold/core/KeyStore"
import { OperationId } from "@keyfold/core/OperationId"
import * as Sql from "@keyfold/sql/Sql"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"

const say = (event: object) => Effect.sync(() => void process.stdout.write(`${JSON.stringify(event)}\n`))

const logger = Logger.make(
  ({ logLevel, message }) => void process.stdout.write(`${JSON.stringify({ log: `${logLevel} ${String(message)}` })}\n`)
)

const state = { calls: 0, isEnding: false }

const create = Effect.fnUntraced(function* (store: KeyStore["Service"], tenant: string) {
  const operation = `${tenant}/${process.pid}-${state.calls}`
  yield* say({ started: operation })
  const { key } = yield* store.create({ name: "service" }, { operationId: OperationId.make(operation) })
  yield* say({ created: operation, id: key.id })
})

const work = Effect.fnUntraced(function* (live: LiveConfiguration.LiveConfiguration) {
  while (!state.isEnding) {
    const call = state.calls++
    const tenant = call % 2 === 0 ? "acme" : "globex"
    yield* Effect.scoped(
      Effect.flatMap(live.forTenant(tenant), (store) =>
        call % 5 === 0 ? create(store, tenant) : Effect.asVoid(store.listPage({ limit: 1 }))
      )
    ).pipe(
      Effect.matchEffect({
        onSuccess: () => say({ answered: call }),
        onFailure: (error) => say({ lost: call, why: error.message })
      })
    )
  }
})

const program = Effect.gen(function* () {
  const builtIn = { arthur: Arthur.adapter, sql: Sql.adapter }
  const live = yield* LiveConfiguration.make({ builtIn })
  yield* Effect.forkScoped(LiveConfiguration.reloadOn(live), { startImmediately: true })
  for (const operation of process.argv.slice(2)) {
    const [tenant = ""] = operation.split("/")
    const recovery = Effect.flatMap(live.forTenant(tenant), (store) => store.recover(OperationId.make(operation)))
    const { kind, ...found } = yield* Effect.scoped(recovery)
    yield* say({ recovered: operation, kind, ...("key" in found ? { id: found.key?.id } : {}) })
  }
  yield* say({ ready: process.pid })
  yield* Effect.forEach([1, 2, 3, 4], () => work(live), { concurrency: "unbounded", discard: true })
})

process.stdin.once("data", () => {
  state.isEnding = true
  process.stdin.destroy()
})
await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Logger.layer([logger]))))
