/** What the scrubber takes out, what it leaves, and what of a server's sentence people are shown. */
import { assert, describe, it } from "@effect/vitest"
import type * as HttpBackend from "@keyfold/http/HttpBackend"
import { reveals, scrub } from "@keyfold/http/Scrubber"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Schema from "effect/Schema"
import { assertReason, backendOver, credential, failureOf, json, Key, recordedFetch } from "./RecordedFetch.ts"

const secret = 'sk live+"ab/CD&ef%1é\\9z'

const marker = "<redacted>"

describe("a secret is taken out", () => {
  const utf8 = Buffer.from(secret).toString("latin1")
  const hexadecimal = Buffer.from(secret).toString("hex")
  const everyByte = Array.from(Buffer.from(secret), (byte) => `%${byte.toString(16).padStart(2, "0")}`).join("")
  const withLines = "first line\r\n  second\tline"
  const cases: ReadonlyArray<readonly [name: string, text: string, secrets?: ReadonlyArray<string>]> = [
    ["as it is", secret],
    ["in other letter case", secret.toUpperCase().replace("É", "é")],
    ["escaped for JSON", JSON.stringify(secret).slice(1, -1)],
    ["escaped for JSON twice", JSON.stringify(JSON.stringify(secret)).slice(3, -3)],
    [
      "escaped for JSON in ASCII",
      secret.replaceAll(/[^a-z]/gi, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`)
    ],
    ["percent-encoded", encodeURIComponent(secret)],
    ["percent-encoded in small letters", encodeURIComponent(secret).toLowerCase()],
    ["percent-encoded twice", encodeURIComponent(encodeURIComponent(secret))],
    ["percent-encoded in every byte", everyByte],
    ["percent-encoded as Latin-1", secret.replace(/[^a-z]/gi, (sign) => `%${sign.charCodeAt(0).toString(16)}`)],
    ["form-encoded", new URLSearchParams({ x: secret }).toString().slice(2)],
    ["escaped for HTML", secret.replaceAll("&", "&amp;").replaceAll('"', "&#34;").replaceAll("é", "&#xE9;")],
    ["in hexadecimal", hexadecimal],
    ["in hexadecimal capitals", hexadecimal.toUpperCase()],
    ["in base64", btoa(utf8)],
    ["in base64 of its Latin-1 bytes", btoa(secret)],
    ["in base64 without padding", btoa(`1${utf8}`).replaceAll("=", "")],
    ["in base64url", Buffer.from(secret).toString("base64url")],
    ["in base64 escaped for JSON", btoa(utf8).replaceAll("/", "\\/").replaceAll("+", "\\u002B")],
    ["in base64 in a URL", encodeURIComponent(btoa(`é${utf8}`))],
    ["with its line break", withLines, [withLines]],
    ["with its line break, written on one line", "first line second line", [withLines]],
    ["with a character of four bytes, escaped as a pair", "12\\ud83d\\ude00345678", ["12\u{1F600}345678"]]
  ]
  for (const [name, text, secrets = [secret]] of cases) {
    it(name, () => {
      assert.include([marker, `${marker}=`, `${marker}==`], scrub(text, secrets))
      assert.match(scrub(`It says "${text}", no more.`, secrets), /^It says "<redacted>(?:"|=+")?, no more\.$/)
      assert.isTrue(reveals(`It says ${text}.`, secrets))
    })
  }

  it("at every alignment of a longer base64", () => {
    for (let length = 0; length < 12; length++) {
      const text = Buffer.from(`${"a".repeat(length)}pass-12${"b".repeat(length)}`).toString("base64")
      assert.isTrue(reveals(text, ["pass-12"]), text)
      assert.isFalse(reveals(text, ["word-77"]), text)
    }
  })

  it("where only those digits of a piece's base64 are left that do not depend on its neighbours", () => {
    for (const [before, skipped, kept] of [
      ["", 0, 10],
      ["#", 2, 10],
      ["##", 3, 10]
    ] as const) {
      const text = Buffer.from(`${before}ghijklmn`)
        .toString("base64")
        .slice(skipped, skipped + kept)
      assert.isTrue(reveals(text, ["abcdefghijklmnopqrstuvwxyz"]), text)
    }
  })

  it("in part: a piece of eight characters is taken out, one of seven stays", () => {
    assert.strictEqual(scrub("it has ghijklmn in it", ["abcdefghijklmnopqrstuvwxyz"]), `it has ${marker} in it`)
    assert.strictEqual(scrub("it has ghijklm in it", ["abcdefghijklmnopqrstuvwxyz"]), "it has ghijklm in it")
  })

  it("where it is short, as a word by itself only", () => {
    assert.strictEqual(scrub("the name 'ci' is not specific", ["ci"]), `the name '${marker}' is not specific`)
    assert.strictEqual(scrub("a=1", ["a", "1"]), `${marker}=${marker}`)
    assert.strictEqual(scrub("nothing to hide", [""]), "nothing to hide")
  })

  it("where it is redacted for the scrubber too", () => {
    assert.strictEqual(scrub("no hunter2!", [Redacted.make("hunter2")]), `no ${marker}!`)
  })
})

describe("without knowing a secret the scrubber takes out", () => {
  const cases: ReadonlyArray<readonly [text: string, scrubbed: string]> = [
    ["the key abcdefghijklmnopqrst is bad", `the key ${marker} is bad`],
    ["the key 1234567890ab is bad", `the key ${marker} is bad`],
    ["(wr0ngPassw0rd).", `(${marker}).`],
    ["Bearer abc is bad", `Bearer ${marker} is bad`],
    ["basic YTpi, sorry", `basic ${marker} sorry`],
    ["bad eyJh.eyJz.c2", `bad ${marker}`],
    ["Authorization: Key abc; sent", `Authorization: ${marker}`],
    ["x-api-key: abc", `x-api-key: ${marker}`],
    ["user=ann password=abc&x=y", `user=ann password=${marker}&x=y`],
    [`{ "token": "abc", "at": 1 }`, `{ "token": ${marker}, "at": 1 }`],
    ["write to ann@example.com now", `write to ${marker} now`],
    ["no ann:pw@host", `no ${marker}`],
    ["GET /keys?id=7 failed", `GET /keys${marker} failed`],
    ['in "/srv/app.py", GET /keys/7', `in "${marker}", GET ${marker}`],
    ["in C:\\app\\x.py", `in ${marker}`],
    ["see https://keys.example.com/a/b?key=1#c now", `see ${marker}keys.example.com${marker} now`],
    ["see http://ann:pw@[::1]:8443/a", `see ${marker}[::1]:8443${marker}`],
    ["see https:\\/\\/example.com\\/a", `see ${marker}example.com${marker}`],
    ["see https://abcdefghijklmnopqrstuvwx.test/", `see ${marker}`],
    ["see https://ann%40x/", `see ${marker}`]
  ]
  for (const [text, scrubbed] of cases) it(text, () => assert.strictEqual(scrub(text, []), scrubbed))
})

describe("the scrubber leaves", () => {
  for (const sentence of [
    "String should have at most 255 characters",
    "expiration_time must be an ISO-8601 date (UTC), not before now",
    "Invalid value for roles: expected one of 'admin', 'member'.",
    "名前は必須です。名前は必須です。名前は必須です。",
    "Quota reached: 25 of 25 keys in /keys, and/or application/json"
  ]) {
    it(sentence, () => assert.strictEqual(scrub(sentence, [secret]), sentence))
  }
})

describe("the scrubbed text is", () => {
  it("one line without control characters", () => {
    assert.strictEqual(scrub("\u001b[31mbad\u0000\r\n\u2028\u202Ename\t!\ud800 ", []), "[31mbad name !")
  })

  it("at most 200 characters, cut at neither half a character nor half a marker", () => {
    for (let length = 150; length < 260; length += 9) {
      for (const tail of ["\u{1F600} ".repeat(60), `${"y".repeat(30)} z`, "z ".repeat(400)]) {
        const scrubbed = scrub(`${"x ".repeat(length / 2)}${tail}`, [])
        assert.isAtMost(scrubbed.length, 200)
        assert.isTrue(scrubbed.isWellFormed())
        assert.match(scrubbed.replaceAll(marker, ""), /^[^<]*$/)
      }
    }
  })

  it("free of a word that reaches past what is read", () => {
    const scrubbed = scrub(`${"1234567890ab ".repeat(76)}ok abcdefghijklmnopqrstuvwxyz`, [])
    assert.strictEqual(scrubbed, `${marker} ok`)
  })

  it("found, however often the server and the caller repeat a sign of escapes", () => {
    for (const text of ["\\", "+", "%25", "A", "&amp;"])
      assert.isAtMost(scrub(text.repeat(1_000), [text.repeat(500)]).length, 200)
  })
})

describe("a refusal over HTTP", () => {
  const call = {
    method: "POST",
    segments: ["v1", "keys", "Org-77", "api-key"],
    query: [
      ["owner", "ann of sales"],
      ["key", Redacted.make("query secret")]
    ],
    json: { name: "The Label", scopes: ["admin role"], nested: { deep: ["leaf text"] }, count: 3 }
  } as const satisfies HttpBackend.Call

  const refusedWith = (status: number, body: Schema.Json, changed: Partial<HttpBackend.Call> = {}) =>
    Effect.map(
      failureOf(() => json(body, { status }), {}, { ...call, ...changed }),
      ({ reason }) => reason
    )

  for (const status of [400, 405, 406, 410, 415, 422]) {
    it.effect(`with ${status} says what the server says`, () =>
      Effect.gen(function* () {
        const reason = yield* refusedWith(status, { detail: "String should have at most 255 characters" })
        assertReason(reason, "InvalidRequest")
        assert.strictEqual(
          reason.problem,
          `the backend refused the request (status ${status}): String should have at most 255 characters`
        )
      })
    )
  }

  for (const status of [401, 403, 404, 407, 409, 423, 429, 431, 451, 500, 503]) {
    it.effect(`with ${status} does not repeat the server`, () =>
      Effect.gen(function* () {
        assert.notInclude((yield* refusedWith(status, { detail: "some sentence" })).message, "sentence")
      })
    )
  }

  it.effect("shows nothing the request held: credential, query, body or path", () =>
    Effect.gen(function* () {
      const echo = `for ${credential} ann of sales, query secret, The Label, admin role, leaf text in Org-77`
      const reason = yield* refusedWith(400, { message: `bad api-key in keys ${echo}` })
      assert.strictEqual(
        reason.message,
        "the backend refused the request (status 400): bad api-key in keys " +
          `for ${marker}, ${marker}, ${marker}, ${marker}, ${marker} in ${marker}`
      )
    })
  )

  it.effect("shows no value of a form, and no credential without its scheme", () =>
    Effect.gen(function* () {
      const backend = yield* backendOver(
        recordedFetch(() => json({ detail: "these are wrong: (pw-1), form word" }, { status: 400 })),
        { authorize: Effect.succeed({ authorization: Redacted.make("Custom pw-1") }) }
      )
      const form = [["password", Redacted.make("form word")]] as const
      const error = yield* Effect.flip(backend.decode(Key, { method: "POST", segments: ["keys"], form }))
      assert.strictEqual(
        error.reason.message,
        `the backend refused the request (status 400): these are wrong: (${marker}), ${marker}`
      )
    })
  )

  it.effect("of several lines, a trace or a dump, is told by its status alone", () =>
    Effect.gen(function* () {
      const reason = yield* refusedWith(400, { detail: "1 validation error:\n  input is no uuid" })
      assert.strictEqual(reason.message, "the backend refused the request (status 400)")
    })
  )

  it.effect("to a call with a token is told by its status alone, because the server may know the credential", () =>
    Effect.gen(function* () {
      const respond = () => json({ detail: "the pass phrase was correct horse" }, { status: 400 })
      const { reason } = yield* failureOf(respond, { renew: () => Effect.void })
      assert.strictEqual(reason.message, "the backend refused the request (status 400)")
    })
  )

  it.effect("that says less than two words is told by its status alone", () =>
    Effect.gen(function* () {
      for (const detail of ["abcdefghijklmnopqrstuvwxyz", "422 1!", " ", "word", `word ${credential}`]) {
        assert.strictEqual(
          (yield* refusedWith(400, { detail })).message,
          "the backend refused the request (status 400)"
        )
      }
    })
  )

  it.effect("takes no request id that holds a piece of the credential", () =>
    Effect.gen(function* () {
      const withId = (id: string) =>
        Effect.map(
          failureOf(() => json({}, { status: 400, headers: { "x-request-id": id } }), {
            requestIdHeader: "x-request-id"
          }),
          ({ requestId }) => requestId
        )
      assert.strictEqual(yield* withId("req-77aa"), "req-77aa")
      for (const echo of [credential, credential.slice(3, 12), Buffer.from(credential).toString("hex").slice(0, 40)]) {
        assert.isUndefined(yield* withId(`r.${echo}`))
      }
    })
  )
})
