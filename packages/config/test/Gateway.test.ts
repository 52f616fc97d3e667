import { assert, describe, it } from "@effect/vitest"
import * as Configuration from "@keyfold/config/Configuration"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { join } from "node:path"
import { builtIn, canary, tells } from "./Refusals.ts"
import { folderWith } from "./TinyAdapter.ts"

const stores = `stores:
  local: { adapter: tiny, url: x, token: { env: TOKEN } }
`

describe("the gateway of the file", () => {
  it.effect("is read with its secrets, and its files stand in the file's folder", () =>
    Effect.gen(function* () {
      const text = `${stores}gateway:
  url: "sqlite:gateway.db"
  pepper: { env: PEPPER }
  port: 0
  cacheFor: 2 seconds
  tls: { certificate: tls/cert.pem, key: /keys/key.pem }
  limits: { caller: { requests: 5, within: 1 minute }, counted: database }
  jwt:
    - { issuer: "https://issuer.test", audience: [a, b], jwks: "https://issuer.test/keys" }
`
      const folder = yield* folderWith({ "keyfold.yaml": text })
      const env = { TOKEN: "t", PEPPER: "p", KEYFOLD_GATEWAY_HOST: "0.0.0.0" }
      const { gateway } = yield* Configuration.load({ folder, builtIn, env })
      if (gateway === undefined) return assert.fail("there is no gateway")
      const settings = yield* gateway.settings
      assert.strictEqual(Redacted.isRedacted(settings.pepper) ? Redacted.value(settings.pepper) : "", "p")
      assert.deepStrictEqual(settings.tls, { certificate: join(folder, "tls/cert.pem"), key: "/keys/key.pem" })
      assert.strictEqual(settings.host, "0.0.0.0")
      assert.strictEqual(Duration.toMillis(settings.limits?.caller?.within ?? 0), 60_000)
    }).pipe(Effect.scoped)
  )

  tells(
    "is judged member by member",
    `${stores}gateway:
  url: "sqlite:gateway.db"
  pepper: ${canary}
  port: 70000
  prot: 1
  limits: { counted: redis }
`,
    [
      "keyfold.yaml has 4 mistakes.",
      "keyfold.yaml:5:11  gateway.pepper",
      "  a secret is not written here; write { env: NAME }, { file: path } or { command: [program, argument] }.",
      "keyfold.yaml:6:9  gateway.port",
      "  expected a port from 0 to 65535, found the number 70000.",
      "keyfold.yaml:7:3  gateway.prot",
      `  not a known member. Did you mean "port"? Accepted: url, password, pepper, previousPeppers, busyTimeout, host, port, tls, jwt, cacheFor, trustedProxies, shutdown, limits.`,
      "keyfold.yaml:8:22  gateway.limits.counted",
      `  expected "memory" or "database", found "redis".`
    ]
  )
})
