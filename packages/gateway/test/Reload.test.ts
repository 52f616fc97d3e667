import { assert, describe, it } from "@effect/vitest"
import * as LiveConfiguration from "@keyfold/config/LiveConfiguration"
import * as Gateway from "@keyfold/gateway/Gateway"
import * as Sql from "@keyfold/sql/Sql"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { asking, database } from "./World.ts"

const file = (tenants: ReadonlyArray<string>): string =>
  [
    "stores:",
    '  local: { adapter: sql, url: "sqlite:keys.db", pepper: { env: PEPPER } }',
    "tenants:",
    ...tenants.map((tenant) => `  ${tenant}: local`),
    ""
  ].join("\n")

describe("a reload", () => {
  it.effect("is what the next request is served from", () =>
    Effect.gen(function* () {
      const at = yield* database
      const folder = dirname(at.url.replace("sqlite:", ""))
      const write = (...tenants: ReadonlyArray<string>) => writeFileSync(join(folder, "keyfold.yaml"), file(tenants))
      write("acme")
      const env = { PEPPER: "0123456789abcdef0123456789abcdef" }
      const live = yield* LiveConfiguration.make({ folder, env, builtIn: { sql: Sql.adapter } })
      const key = Redacted.value((yield* Gateway.init(at)).secret)
      const { fetch } = yield* Gateway.handler({ backends: Gateway.fromConfiguration(live), database: at })
      const status = (tenant: string) =>
        Effect.map(asking(fetch)(`GET /v1/tenants/${tenant}/keys`, { key }), (answer) => answer.status)
      assert.deepStrictEqual([yield* status("acme"), yield* status("globex")], [200, 404])
      write("globex")
      yield* live.reload
      assert.deepStrictEqual([yield* status("acme"), yield* status("globex")], [404, 200])
    }).pipe(Effect.scoped)
  )
})
