import { assert, describe, it } from "@effect/vitest"
import { fromCause, tooLong } from "@keyfold/http/NetworkFailure"
import * as Schema from "effect/Schema"
import { assertReason } from "./RecordedFetch.ts"

const coded = (code: string, fields: object = {}): Error => Object.assign(new Error("canary-text"), { code, ...fields })

/** The shape of Node's own fetch: the code is below the error that is thrown. */
const fetchFailed = (cause: unknown): Error => new TypeError("fetch failed", { cause })

const codeOf = (cause: unknown): string | undefined => {
  const { reason } = fromCause(cause)
  assertReason(reason, "Network")
  return reason.code
}

describe("what a failed connection proves", () => {
  for (const code of [
    "ECONNREFUSED",
    "ENOTFOUND",
    "EAI_AGAIN",
    "EAI_FAIL",
    "EHOSTUNREACH",
    "ENETUNREACH",
    "EADDRNOTAVAIL",
    "UND_ERR_CONNECT_TIMEOUT",
    "UND_ERR_PRX_CONN",
    "UND_ERR_PRX_TLS",
    "CERT_HAS_EXPIRED",
    "CERT_NOT_YET_VALID",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "SELF_SIGNED_CERT_IN_CHAIN",
    "UNABLE_TO_GET_ISSUER_CERT",
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "ERR_TLS_CERT_ALTNAME_INVALID"
  ]) {
    it(`${code} proves that nothing was sent`, () => {
      const error = fromCause(fetchFailed(coded(code)))
      assert.strictEqual(error.sent, "no")
      assert.strictEqual(codeOf(fetchFailed(coded(code))), code)
    })
  }

  for (const code of [
    "ECONNRESET",
    "EPIPE",
    "ETIMEDOUT",
    "UND_ERR_SOCKET",
    "UND_ERR_ABORTED",
    "EPROTO",
    "SOME_NEW_CODE"
  ]) {
    it(`${code} proves nothing`, () => {
      assert.strictEqual(fromCause(fetchFailed(coded(code))).sent, "maybe")
      assert.strictEqual(codeOf(fetchFailed(coded(code))), code)
    })
  }

  it("a route lost while reading or writing proves nothing", () => {
    for (const syscall of ["read", "write"]) {
      for (const code of ["EHOSTUNREACH", "ENETUNREACH", "ECONNREFUSED"]) {
        assert.strictEqual(fromCause(coded(code, { syscall })).sent, "maybe")
      }
    }
    assert.strictEqual(fromCause(coded("EHOSTUNREACH", { syscall: "connect" })).sent, "no")
  })

  it("several addresses that all refuse prove that nothing was sent", () => {
    const refused = new AggregateError([coded("ECONNREFUSED"), coded("ECONNREFUSED")], "")
    assert.strictEqual(fromCause(fetchFailed(refused)).sent, "no")
    assert.strictEqual(codeOf(fetchFailed(refused)), "ECONNREFUSED")
  })

  it("an error without a code, or no error at all, proves nothing", () => {
    for (const cause of [
      new Error("boom"),
      undefined,
      null,
      "text",
      7,
      {},
      { code: 23 },
      new DOMException("", "AbortError")
    ]) {
      assert.strictEqual(fromCause(cause).sent, "maybe")
      assert.isUndefined(codeOf(cause))
    }
  })

  it("does not keep a code that is not shaped like the system's", () => {
    for (const code of ["https://keys.example.com/?key=canary", "econnreset", "A", "E CONN", "E".repeat(65), ""]) {
      assert.isUndefined(codeOf(coded(code)), code)
    }
  })

  it("ends on causes that form a circle", () => {
    const circle: { cause?: unknown } = {}
    circle.cause = circle
    assert.isUndefined(codeOf(circle))
  })

  it("keeps no message, no cause and no stack of what was thrown", () => {
    const error = fromCause(fetchFailed(coded("ECONNRESET")))
    assert.notInclude(`${String(error)}${error.stack}${JSON.stringify(error)}`, "canary-text")
    assert.isUndefined(error.cause)
  })

  it.prop("turns whatever was thrown into a Network failure", [Schema.Json], ([cause]) => {
    assert.strictEqual(fromCause(cause).reason._tag, "Network")
  })
})

describe("an answer beyond its bound", () => {
  it("is InvalidResponse, and the request may have acted", () => {
    const error = tooLong(1024)
    assert.strictEqual(error.reason.message, "the answer is longer than 1024 bytes")
    assertReason(error.reason, "InvalidResponse")
    assert.strictEqual(error.sent, "maybe")
  })
})
