/** The marks in labels over generated names. A failing case prints itself; the seed is fixed, the secrets are redacted. */
import { assert, describe, it } from "@effect/vitest"
import * as Label from "@keyfold/core/Label"
import { OperationId } from "@keyfold/core/OperationId"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { createHmac } from "node:crypto"

const settings = {
  arbitrary: { seed: 20260314, runs: process.env["KEYFOLD_THOROUGH"] === undefined ? 2_000 : 10_000, concurrency: 64 }
}

const secret = Redacted.make("a secret of the tests, 32 letters")
const mine = { secret, backend: "fake", tenant: "acme" }
const codec = await Effect.runPromise(Label.make(mine))

/** Codecs that differ from it in one thing each. */
const strangers = await Effect.runPromise(
  Effect.forEach(
    [
      { ...mine, secret: Redacted.make("another secret of the tests, too") },
      { ...mine, backend: "other" },
      { ...mine, backend: `${mine.backend}"` },
      { ...mine, tenant: "globex" },
      { ...mine, tenant: undefined }
    ],
    Label.make
  )
)

/** Alphabets by name, so that a case shows what it is about. */
const letters = [
  ..."abcXYZ019-_ .:/+=",
  "kf1-",
  " kf1-",
  "\n",
  "\r\n",
  "\t",
  "\u00a0",
  "\u2028",
  "\ufeff",
  "\u200b",
  "é",
  "e\u0301",
  "ß",
  "مرحبا",
  "שלום",
  "\u202e",
  "日本",
  "🔑",
  "👩‍👩‍👧",
  "\u{10ffff}",
  "\uffff",
  "\u0001",
  '"',
  "\\"
]

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
const base64Url = (length: number) => Schema.String.check(Schema.isPattern(new RegExp(`^[A-Za-z0-9_-]{${length}}$`)))

const nonces = base64Url(8)
const operations = Arbitrary.map(Arbitrary.schema(base64Url(12)), (text) => OperationId.make(`op-${text}`))

const isName = (text: string) => text !== "" && text.isWellFormed() && !text.includes("\u0000")

/** Any name a store accepts: free text, text of the letters above, and text that ends like a mark. */
const freeNames = Arbitrary.filter(Arbitrary.schema(Schema.String), isName)
const oddNames = Arbitrary.map(
  Arbitrary.array(Arbitrary.schema(Schema.Literals(letters)), { minLength: 1, maxLength: 12 }),
  (parts) => parts.join("")
)
const markedNames = Arbitrary.map(
  Arbitrary.all([oddNames, Arbitrary.schema(base64Url(26)), Arbitrary.schema(Schema.Literals([" ", "", "\n", "  "]))]),
  ([name, mark, gap]) => `${name}${gap}kf1-${mark}`
)
const bareMarks = Arbitrary.map(
  Arbitrary.all([Arbitrary.schema(Schema.Literals(["", " "])), Arbitrary.schema(base64Url(26))]),
  ([gap, mark]) => `${gap}kf1-${mark}`
)

const names = Arbitrary.flatMap(Arbitrary.schema(Schema.Literals(["free", "odd", "marked", "bare"])), (kind) =>
  kind === "free" ? freeNames : kind === "odd" ? oddNames : kind === "marked" ? markedNames : bareMarks
)

/** A name, or none. */
const optionalNames = Arbitrary.flatMap(
  Arbitrary.schema(Schema.Literals([0, 1, 2, 3, 4])),
  (choice): Arbitrary.Arbitrary<string | undefined> => (choice === 0 ? Arbitrary.Constant(undefined) : names)
)

/** Replaces, removes, adds or swaps one character, chosen by two numbers. */
const edit = (label: string, kind: "replace" | "remove" | "add" | "swap", place: number, letter: string): string => {
  const characters = [...label]
  const at = place % characters.length
  const before = characters.slice(0, at).join("")
  const after = characters.slice(at + 1).join("")
  const character = characters[at] ?? ""
  switch (kind) {
    case "replace":
      return `${before}${letter}${after}`
    case "remove":
      return `${before}${after}`
    case "add":
      return `${before}${letter}${character}${after}`
    case "swap":
      return `${before}${characters[at + 1] ?? ""}${character}${characters.slice(at + 2).join("")}`
  }
}

const operation = OperationId.make("op-0123456789ab")

const isMarked = (text: string) => /^(?:.+ )?kf1-[\w-]{26}$/su.test(text)

describe("a label", () => {
  it.effect.prop(
    "gives back any name and says whose it is, 30 or 31 characters longer than the name",
    [optionalNames, operations, nonces],
    Effect.fnUntraced(function* ([name, operation, nonce]) {
      const label = yield* codec.write(name, operation, nonce)
      assert.strictEqual(label.length, name === undefined ? 30 : name.length + 31)
      assert.isTrue(label.startsWith(name ?? "kf1-"), "the name is readable, and first")
      const read = Label.read(label)
      assert.strictEqual(read.name, name)
      assert.strictEqual(read.mark?.nonce, nonce)
      assert.strictEqual(read.mark?.operation, yield* codec.fingerprint(operation))
      assert.deepStrictEqual(yield* codec.trusted(label), read.mark)
      assert.isTrue(codec.proves(read))
      assert.strictEqual(read.mark?.tenant, codec.tenant)
    }),
    settings
  )

  it.effect.prop(
    "of somebody else is a plain name, unaltered",
    [names],
    Effect.fnUntraced(function* ([name]) {
      assert.isUndefined(yield* codec.trusted(name), "never trusted, even where it looks like a mark")
      assert.isFalse(codec.proves(Label.read(name)))
      if (!isMarked(name)) assert.deepStrictEqual(Label.read(name), { name, mark: undefined })
    }),
    settings
  )

  it.effect.prop(
    "is not trusted any more once one character is changed",
    [
      optionalNames,
      operations,
      nonces,
      Schema.Literals(["replace", "remove", "add", "swap"]),
      Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 })),
      Schema.Literals([...alphabet, ...letters])
    ],
    Effect.fnUntraced(function* ([name, operation, nonce, kind, place, letter]) {
      const label = yield* codec.write(name, operation, nonce)
      // Half of the changes hit the mark, however long the name is.
      const length = [...label].length
      const changed = edit(label, kind, place % 2 === 0 ? place : length - 30 + (place % 30), letter)
      if (changed === label) return
      assert.isUndefined(yield* codec.trusted(changed), `${kind} in ${JSON.stringify(label)}`)
      assert.isFalse(codec.proves(Label.read(changed)), `${kind} in ${JSON.stringify(label)}`)
    }),
    settings
  )

  it.effect.prop(
    "is trusted by no other secret, backend or tenant, and its mark on no other name",
    [optionalNames, optionalNames, operations, nonces],
    Effect.fnUntraced(function* ([name, other, operation, nonce]) {
      const label = yield* codec.write(name, operation, nonce)
      for (const stranger of strangers) {
        assert.isUndefined(yield* stranger.trusted(label))
        assert.isFalse(stranger.proves(Label.read(label)))
        assert.isUndefined(yield* codec.trusted(yield* stranger.write(name, operation, nonce)))
      }
      const mark = label.slice(-30)
      if (other !== name) assert.isUndefined(yield* codec.trusted(other === undefined ? mark : `${other} ${mark}`))
    }),
    settings
  )

  it.effect.prop(
    "tells operations and attempts apart",
    [optionalNames, operations, operations, nonces, nonces],
    Effect.fnUntraced(function* ([name, operation, other, nonce, another]) {
      const label = yield* codec.write(name, operation, nonce)
      if (other !== operation) assert.notStrictEqual(yield* codec.write(name, other, nonce), label)
      if (another !== nonce) assert.notStrictEqual(yield* codec.write(name, operation, another), label)
    }),
    settings
  )

  it.effect(
    "holds what an HMAC-SHA-256 of another make says, whatever the lengths of the secret, the tenant and the name",
    () =>
      Effect.gen(function* () {
        // Digests are made of blocks of 64 bytes; every place where a message can end in one is met.
        for (let length = 1; length <= 140; length++) {
          const secret = "s".repeat(length)
          const tenant = "é".repeat((length * 7) % 80)
          const name = "名".repeat((length * 13) % 150) || undefined
          const sign = (purpose: string, ...parts: ReadonlyArray<string | null>) =>
            createHmac("sha256", secret)
              .update(JSON.stringify([`keyfold label 1 ${purpose}`, "fake", ...parts]))
              .digest("base64url")
          const one = yield* Label.make({ secret: Redacted.make(secret), backend: "fake", tenant })
          const written = Label.read(yield* one.write(name, operation, "nonce-08"))
          const print = sign("operation", operation).slice(0, 8)
          assert.deepStrictEqual(
            written.mark,
            {
              operation: print,
              nonce: "nonce-08",
              tenant: sign("tenant", tenant).slice(0, 4),
              check: sign("check", tenant, print, "nonce-08", name ?? null).slice(0, 6)
            },
            String(length)
          )
          assert.isTrue(one.proves(written), String(length))
          assert.isFalse(codec.proves(written), String(length))
          const digest = createHmac("sha256", secret)
            .update(JSON.stringify(["keyfold label 1 digest", "fake", JSON.stringify([name ?? null])]))
            .digest()
          assert.strictEqual(yield* one.digest([name ?? null]), digest.subarray(0, 16).toString("base64url"))
        }
      })
  )
})
