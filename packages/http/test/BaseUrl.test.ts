import { assert, describe, it } from "@effect/vitest"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { backendOver, json, recordedFetch } from "./RecordedFetch.ts"

const serverOf = () => recordedFetch(() => json({ id: "k1", uses: 1 }))

const refusalOf = (baseUrl: string, insecure = false) => Effect.flip(backendOver(serverOf(), { baseUrl, insecure }))

const urlFor = (baseUrl: string, insecure = false) =>
  Effect.gen(function* () {
    const server = serverOf()
    const backend = yield* backendOver(server, { baseUrl, insecure })
    yield* backend.discard({ method: "GET", segments: ["keys"] })
    return server.requests[0]?.url
  })

describe("a base URL", () => {
  for (const [base, url] of [
    ["https://keys.example.com", "https://keys.example.com/keys"],
    ["https://keys.example.com/", "https://keys.example.com/keys"],
    ["https://keys.example.com/prefix", "https://keys.example.com/prefix/keys"],
    ["https://keys.example.com/prefix/", "https://keys.example.com/prefix/keys"],
    ["https://keys.example.com/a/b%20c//", "https://keys.example.com/a/b%20c/keys"],
    ["https://keys.example.com:8443/v1", "https://keys.example.com:8443/v1/keys"],
    ["HTTPS://Keys.Example.com:443", "https://keys.example.com/keys"]
  ] as const) {
    it.effect(`${base} keeps its path prefix`, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* urlFor(base), url)
      })
    )
  }

  for (const base of [
    "http://localhost:8080",
    "http://keys.localhost",
    "http://127.0.0.1:8080",
    "http://127.8.9.10",
    "http://[::1]:8080"
  ]) {
    it.effect(`${base} may be plain http, because it is this machine`, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* urlFor(base), `${base}/keys`)
      })
    )
  }

  it.effect("elsewhere may be plain http where the options say insecure", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* urlFor("http://keys.internal:8080/v1", true), "http://keys.internal:8080/v1/keys")
    })
  )
})

describe("a refused base URL", () => {
  for (const base of [
    "",
    "keys.example.com",
    "/v1",
    "ftp://keys.example.com",
    "file:///etc/keys",
    "javascript:0",
    "https://"
  ]) {
    it.effect(`"${base}" is no https URL`, () =>
      Effect.gen(function* () {
        const error = yield* refusalOf(base, true)
        assert.instanceOf(error, ConfigurationError)
        assert.strictEqual(error.field, "baseUrl")
        assert.strictEqual(
          error.message,
          "baseUrl: expected an https URL. Write it like https://keys.example.com/prefix."
        )
      })
    )
  }

  for (const [part, base] of [
    ["a user name", "https://canary@keys.example.com"],
    ["a password", "https://:canary@keys.example.com"],
    ["a query", "https://keys.example.com/?key=canary"],
    ["a fragment", "https://keys.example.com/#canary"]
  ] as const) {
    it.effect(`with ${part} is refused without repeating it`, () =>
      Effect.gen(function* () {
        const error = yield* refusalOf(base)
        assert.strictEqual(error.field, "baseUrl")
        assert.strictEqual(
          error.message,
          "baseUrl: a user name, password, query or fragment is not accepted. " +
            "Keep only scheme, host, port and path; credentials go into the adapter's own options."
        )
      })
    )
  }

  for (const host of [
    "keys.example.com:8080",
    "10.0.0.1",
    "0.0.0.0",
    "127.0.0.1.example.com",
    "localhost.example.com",
    "[::2]"
  ]) {
    it.effect(`http://${host} would send the credential in clear`, () =>
      Effect.gen(function* () {
        const error = yield* refusalOf(`http://${host}/path-canary`)
        assert.strictEqual(
          error.message,
          `baseUrl: plain http would send the credential to ${host} in clear. ` +
            "Use https, or set insecure: true where the network itself is trusted."
        )
      })
    )
  }
})

describe("the default transport", () => {
  const pem = Redacted.make("canary-pem")
  for (const [field, options] of [
    ["proxy", { proxy: Redacted.make("http://user:canary@proxy.example.com") }],
    ["ca", { ca: pem }],
    ["clientCertificate", { clientCertificate: { certificate: pem, key: pem } }]
  ] as const) {
    it.effect(`refuses ${field} and names the package that takes it`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(backendOver(serverOf(), options))
        assert.instanceOf(error, ConfigurationError)
        assert.strictEqual(error.field, field)
        assert.strictEqual(
          error.message,
          `${field}: the platform's fetch cannot use it. ` +
            "Provide the layer of @keyfold/undici (npm install @keyfold/undici)."
        )
      })
    )
  }
})
