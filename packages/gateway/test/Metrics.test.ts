import { assert, describe, it } from "@effect/vitest"
import * as Gateway from "@keyfold/gateway/Gateway"
import * as SqlDatabase from "@keyfold/sql/SqlDatabase"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import { readFileSync } from "node:fs"
import { asking, database, stores } from "./World.ts"

const page = readFileSync(new URL("../../../docs/observability.md", import.meta.url), "utf8")

const section = page.split("\n## Metrics of the gateway\n")[1]?.split("\n## ")[0] ?? ""

const namesIn = (cell = ""): ReadonlyArray<string> => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name)

/** The rows of the section's tables that have so many cells. */
const rows = (cells: number): ReadonlyArray<ReadonlyArray<string>> =>
  section
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) =>
      line
        .slice(2, -1)
        .split(" | ")
        .map((cell) => cell.trim())
    )
    .filter(({ length }) => length === cells)

const everything = (names: Iterable<string>): ReadonlyArray<string> => [...new Set(names)].toSorted()

/** A gateway on sockets whose administrator may send so many requests, and whose metrics start at nothing. */
const served = Effect.fnUntraced(function* (requests = 1000) {
  const { opened } = yield* stores
  const at = yield* database
  const key = Redacted.value((yield* Gateway.init(at)).secret)
  const { metrics = "", url } = yield* Gateway.serve({
    backends: Gateway.fromKeyStores(opened, false),
    database: at,
    port: 0,
    metrics: { port: 0 },
    limits: { caller: { requests, within: "1 hour" } }
  })
  const scrape = Effect.promise(async () => (await fetch(metrics)).text())
  return { at, key, url, metrics, ask: asking(fetch, url), scrape }
})

const alone = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => Effect.provideService(effect, Metric.MetricRegistry, new Map()))

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

describe("metrics", () => {
  it.live("are those that docs/observability.md names, and no others, with the attributes it names", () =>
    Effect.gen(function* () {
      const { ask, at, key } = yield* served(4)
      yield* ask("POST /v1/tenants/acme/keys", { key, body: {} })
      yield* ask("GET /v1/tenants/acme/keys", { key: "made-up" })
      const sql = yield* SqlDatabase.open({ url: at.url })
      yield* sql`CREATE TRIGGER full BEFORE INSERT ON keyfold_gateway_audit WHEN NEW.outcome <> 'begun'
        BEGIN SELECT RAISE(ABORT, 'full'); END`
      yield* ask("DELETE /v1/tenants/acme/keys/some", { key })
      yield* sql`DROP TABLE keyfold_gateway_audit`
      yield* ask("DELETE /v1/tenants/acme/keys/some", { key })
      yield* ask("GET /v1/tenants", { key })
      assert.strictEqual((yield* ask("GET /v1/tenants", { key })).status, 429)
      const own = (yield* Metric.snapshot).filter(({ id }) => id.startsWith("keyfold.gateway."))
      assert.deepStrictEqual(
        everything(own.map(({ id }) => id)),
        rows(5)
          .flatMap(([cell]) => namesIn(cell))
          .toSorted()
      )
      for (const [cell, kind = "", unit, , attributes] of rows(5)) {
        const series = own.filter(({ id }) => id === namesIn(cell)[0])
        const found = series.flatMap((one) => Object.entries({ ...one.attributes }))
        assert.deepStrictEqual(everything(series.map(({ type }) => type.toLowerCase())), [kind])
        assert.deepStrictEqual(everything(found.map(([name]) => name)), everything([...namesIn(attributes), "unit"]))
        assert.deepStrictEqual(
          everything(found.flatMap(([name, value]) => (name === "unit" ? [value] : []))),
          namesIn(unit)
        )
      }
      const described = rows(2).flatMap(([cell]) => namesIn(cell))
      assert.deepStrictEqual(everything(rows(5).flatMap((cells) => namesIn(cells[4]))), described.toSorted())
    }).pipe(Effect.scoped, alone, quiet)
  )

  it.live("are served for Prometheus on a port of their own, and never on the one that callers use", () =>
    Effect.gen(function* () {
      const { ask, key, metrics, scrape, url } = yield* served()
      yield* ask("POST /v1/tenants/acme/keys", { key, body: {} })
      yield* ask("GET /v1/tenants/acme/keys", { key: "made-up" })
      const text = yield* scrape
      const labels = 'http_request_method="POST",http_route="/v1/tenants/:tenant/keys",keyfold_operation="create"'
      assert.include(text, `keyfold_gateway_requests_total{${labels},keyfold_status="2xx"} 1\n`)
      assert.include(text, `keyfold_gateway_request_duration_seconds_count{${labels},keyfold_status="2xx"} 1\n`)
      assert.include(text, "keyfold_gateway_credentials_refused_total 1\n")
      assert.include(text, "keyfold_gateway_requests_active 0\n")
      assert.match(text, /^keyfold_calls_total\{.*keyfold_operation="create".*\} 1$/m)
      assert.include(text, "# TYPE keyfold_gateway_requests_total counter\n")
      assert.notInclude(text, "acme")
      assert.strictEqual((yield* ask("GET /metrics", { key })).status, 404)
      const other = yield* Effect.promise(() => fetch(new URL("/v1/tenants", metrics)))
      assert.strictEqual(other.status, 404)
      const posted = yield* Effect.promise(() => fetch(metrics, { method: "POST" }))
      assert.deepStrictEqual([posted.status, posted.headers.get("allow")], [405, "GET, HEAD"])
      assert.notStrictEqual(new URL(metrics).port, new URL(url).port)
    }).pipe(Effect.scoped, alone, quiet)
  )

  it.live("have no more series for what clients make up", () =>
    Effect.gen(function* () {
      const { ask, key } = yield* served()
      const count = Effect.map(
        Metric.snapshot,
        (found) => found.filter(({ id }) => id.startsWith("keyfold.gateway.")).length
      )
      const once = Effect.fnUntraced(function* (name: string) {
        yield* ask(`GET /v1/tenants/${name}/keys/${name}`, { key })
        yield* ask(`GET /${name}`, { key })
        yield* ask(`PROPFIND /${name}`, { key })
        yield* ask(`MKCOL /${name}`, { key })
      })
      yield* once("a")
      const before = yield* count
      for (const name of ["b", "c", "d"]) yield* once(name)
      assert.strictEqual(yield* count, before)
    }).pipe(Effect.scoped, alone, quiet)
  )

  it.live("cannot be served on the port that callers use, or on one that is in use", () =>
    Effect.gen(function* () {
      const { opened } = yield* stores
      const options = { backends: Gateway.fromKeyStores(opened, false), database: yield* database }
      const same = yield* Effect.flip(Gateway.serve({ ...options, port: 4711, metrics: { port: 4711 } }))
      assert.strictEqual(same.message, "gateway.metrics.port: 4711 is the port that callers use. Choose another port.")
      const { metrics = "" } = yield* Gateway.serve({ ...options, port: 0, metrics: { port: 0 } })
      const port = Number(new URL(metrics).port)
      const taken = yield* Effect.flip(Gateway.serve({ ...options, port: 0, metrics: { port } }))
      assert.match(taken.message, /^gateway\.metrics\.port: 127\.0\.0\.1:\d+ is in use/)
    }).pipe(Effect.scoped)
  )
})
