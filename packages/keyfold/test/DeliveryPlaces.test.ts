/** The places for a new secret that other systems read: a Kubernetes manifest, a CI job's file, Vault. */
import { assert, describe, it } from "@effect/vitest"
import * as FetchServer from "@keyfold/node/FetchServer"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parse } from "yaml"
import { journaledStore, keyfold, localStore } from "./Keyfold.ts"

const secretPattern = /kf_[0-9A-Za-z]{16}_[0-9A-Za-z]{32}_[0-9A-Za-z]{6}/

/** The least of Vault's KV engine that one delivery needs; the sink's own tests have the rest. */
const makeVault = () => {
  const written: Array<Readonly<Record<string, unknown>>> = []
  const fetch = async (request: Request): Promise<Response> => {
    const allowed = request.headers.get("x-vault-token") === "hvs.test" && request.url.includes("/v1/kv/data/team/ci")
    if (!allowed) return Response.json({ errors: ["permission denied"] }, { status: 403 })
    if (request.method === "POST") written.push((await request.json()).data)
    const data = written.at(-1)
    const metadata = { version: written.length }
    if (request.method === "POST") return Response.json({ data: metadata })
    return data === undefined
      ? Response.json({ errors: [] }, { status: 404 })
      : Response.json({ data: { data, metadata } })
  }
  return { fetch, written }
}

describe("create", () => {
  it.effect("into a manifest or a CI job's file tells where, and prints the secret nowhere", () =>
    Effect.gen(function* () {
      const folder = yield* journaledStore
      const manifest = ["--kubernetes-secret", "secret.yaml", "--secret-name", "ci", "--field", "API_KEY"]
      const people = yield* keyfold(["create", ...manifest], { folder })
      assert.strictEqual(people.code, 0, people.stderr)
      const path = join(folder, "secret.yaml")
      assert.include(people.stdout, `The secret is in ${path}, as API_KEY of the Secret ci.`)
      const secret = Buffer.from(parse(readFileSync(path, "utf8")).data.API_KEY, "base64").toString()
      assert.match(secret, secretPattern)
      const ci = yield* keyfold(["create", "--json", "--ci-environment-file", "env", "--variable", "API_KEY"], {
        folder
      })
      assert.strictEqual(ci.code, 0, ci.stderr)
      assert.deepInclude(JSON.parse(ci.stdout), { ciEnvironmentFile: join(folder, "env"), variable: "API_KEY" })
      assert.match(readFileSync(join(folder, "env"), "utf8"), /^API_KEY<<(\S+)\nkf_\S+\n\1\n$/)
      assert.notMatch([people.stdout, people.stderr, ci.stdout, ci.stderr].join(), secretPattern)
    })
  )

  it.effect("into Vault takes address and token from the environment, and recover finds the key there", () =>
    Effect.gen(function* () {
      const folder = yield* journaledStore
      const vault = makeVault()
      const { url } = yield* FetchServer.serve({ fetch: vault.fetch })
      const environment = { VAULT_ADDR: url, VAULT_TOKEN: "hvs.test" }
      const place = ["--vault", "team/ci", "--vault-mount", "kv", "--field", "api_key"]
      const args = ["create", "--operation-id", "op-1", ...place]
      const without = yield* keyfold(args, { folder })
      assert.strictEqual(without.code, 2)
      assert.include(without.stderr, "VAULT_ADDR is not set")
      const wrong = yield* keyfold(args, { folder, environment: { ...environment, VAULT_TOKEN: "hvs.CANARY" } })
      assert.strictEqual(wrong.code, 2)
      assert.include(wrong.stderr, "the token may not do this (403).")
      assert.notMatch(wrong.stderr, /CANARY|127\.0\.0\.1/)
      const made = yield* keyfold(args, { folder, environment })
      assert.strictEqual(made.code, 0, made.stderr)
      assert.include(made.stdout, "The secret is in Vault at kv/team/ci, as api_key.")
      assert.match(String(vault.written[0]?.["api_key"]), secretPattern)
      const recovered = yield* keyfold(["recover", "op-1", ...place], { folder, environment })
      assert.strictEqual(recovered.code, 0, recovered.stderr)
    }).pipe(Effect.scoped)
  )

  it.effect("takes the flags of one place, and all of them", () =>
    Effect.gen(function* () {
      const folder = yield* localStore
      const cases: ReadonlyArray<readonly [ReadonlyArray<string>, string]> = [
        [["--vault", "a", "--secret-file", "b"], "--secret-file and --vault exclude each other."],
        [["--vault", "a"], "--vault and --field belong together."],
        [
          ["--kubernetes-secret", "a", "--field", "b"],
          "--kubernetes-secret and --secret-name and --field belong together."
        ],
        [["--field", "a"], "--field belongs to --kubernetes-secret or --vault."],
        [["--vault", "a", "--field", "b", "--secret-name", "c"], "--secret-name belongs to --kubernetes-secret."],
        [["--variable", "A"], "--variable belongs to --environment-file or --ci-environment-file."]
      ]
      for (const [args, text] of cases) {
        const { code, stderr } = yield* keyfold(["create", ...args], { folder })
        assert.strictEqual(code, 2)
        assert.include(stderr, text)
      }
    })
  )
})
