import { assert, describe, it } from "@effect/vitest"
import { KeyId, type ApiKey } from "@keyfold/core/ApiKey"
import * as Selector from "@keyfold/lifecycle/Selector"
import * as Arbitrary from "effect/Arbitrary"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

const now = DateTime.makeUnsafe("2027-03-01T00:00:00Z")

const key = (fields: Partial<ApiKey> = {}): ApiKey => ({
  id: KeyId.make("k1"),
  scopes: [],
  status: "active",
  tags: {},
  provider: {},
  ...fields
})

const full = key({
  name: "nightly report",
  owner: "ci",
  scopes: ["read", "write:data"],
  createdAt: DateTime.makeUnsafe("2026-11-01T00:00:00Z"),
  expiresAt: DateTime.makeUnsafe("2027-03-11T00:00:00Z"),
  lastUsedAt: DateTime.makeUnsafe("2027-02-01T00:00:00Z"),
  tags: { team: "data", "cost centre": "42" }
})

const parsed = (text: string): Selector.Selector => Result.getOrThrow(Selector.parse(text))

const decided = (text: string, subject: Selector.Subject) => Selector.decide(parsed(text), subject, now)

const failure = (text: string): Selector.SelectorError => {
  const result = Selector.parse(text)
  assert.isTrue(Result.isFailure(result), `"${text}" was accepted`)
  return Result.getOrThrow(Result.flip(result))
}

describe("a selector", () => {
  const subject = { key: full, store: "monitoring", backend: "whylabs", tenant: "acme" }

  it.each([
    'owner == "ci" and age > 90d',
    "owner == 'ci'",
    'id == "k1"',
    'name ~ "nightly*"',
    'name ~ "?ightly * rep?rt" or name ~ "*port"',
    'owner in ["bot", "ci"]',
    'not owner in ["bot"]',
    'owner != "bot"',
    'status == "active"',
    'store == "monitoring" and backend == "whylabs" and tenant == "acme"',
    'tag.team == "data" and tag."cost centre" == "42"',
    'scopes contains "read"',
    'scopes ~ "write:*"',
    'not scopes contains "write"',
    "age > 119d and age < 121d and age == 120d and age >= 17w",
    "expiresIn < 2w and expiresIn >= 240h",
    "unusedFor > 27d and unusedFor <= 28d",
    "createdAt < 2026-11-02 and createdAt >= 2026-11-01T00:00:00Z",
    "expiresAt == 2027-03-11T02:00:00+02:00",
    "lastUsedAt != 2027-02-02",
    "owner is present and tag.env is missing and age is present",
    'owner == "bot" and owner == "x" or owner == "ci"',
    'not (owner == "ci" and age > 1000d)',
    '(((owner=="ci")))and(age>1s)'
  ])("means a key: %s", (text) => {
    assert.isTrue(decided(text, subject))
    assert.isFalse(decided(`not (${text})`, subject))
  })

  it.each([
    'owner == "CI"',
    'name ~ "nightly"',
    'scopes contains "rea"',
    "age > 120d",
    "tag.Team is present",
    'owner == "bot" or owner == "x" and age > 1d',
    'not owner == "ci" and age > 1d'
  ])("does not mean a key: %s", (text) => {
    assert.isFalse(decided(text, subject))
  })

  it.each([
    'name == "x"',
    'name != "x"',
    'name ~ "*"',
    'owner in ["x"]',
    'tag.team != "data"',
    "age > 90d",
    "age != 90d",
    "expiresIn < 7d",
    "unusedFor > 30d",
    "lastUsedAt < 2027-01-01",
    'tenant == "acme"',
    'store != "a"'
  ])("does not decide about what the store does not tell: %s", (text) => {
    const bare = { key: key() }
    assert.isUndefined(decided(text, bare))
    assert.isUndefined(decided(`not ${text}`, bare))
    assert.isFalse(Selector.matches(parsed(text), bare, now))
    assert.isFalse(Selector.matches(parsed(`not ${text}`), bare, now))
    assert.isUndefined(decided(`${text} and id == "k1"`, bare))
    assert.isTrue(decided(`${text} or id == "k1"`, bare))
    assert.isFalse(decided(`${text} and id == "k2"`, bare))
  })

  it("takes no scopes for not known where the backend has none, and for none elsewhere", () => {
    const bare = { key: key() }
    assert.isFalse(decided('scopes contains "admin"', bare))
    assert.isTrue(decided("scopes is present", bare))
    const scopeless = { ...bare, capabilities: { scopes: false } }
    assert.isUndefined(decided('not scopes contains "admin"', scopeless))
    assert.isTrue(decided("scopes is missing", scopeless))
  })

  it("reads no tag from what every object has", () => {
    assert.isTrue(decided("tag.constructor is missing and tag.toString is missing", { key: key() }))
  })

  it("takes its time with a pattern full of stars", () => {
    const long = key({ name: "a".repeat(20_000) })
    assert.isFalse(decided(`name ~ "${"*a".repeat(100)}*b"`, { key: long }))
  })

  it("lists the fields it asks about, each once", () => {
    const selector = parsed(
      'not (owner == "a" or owner == "b") and scopes contains "x" and tag.a is missing and age > 1d'
    )
    assert.deepStrictEqual(Selector.fieldsOf(selector), ["owner", "scopes", "tag.a", "age"])
  })
})

describe("a selector's canonical form", () => {
  it.each([
    ["owner=='ci'and(age>14d)", 'owner == "ci" and age > 14d'],
    ['(id == "a" or id == "b") and id == "c"', '(id == "a" or id == "b") and id == "c"'],
    ['id == "a" or (id == "b" and id == "c")', 'id == "a" or id == "b" and id == "c"'],
    ['id == "a" and (id == "b" and id == "c")', 'id == "a" and (id == "b" and id == "c")'],
    ['not (not (id == "a"))', 'not not id == "a"'],
    ["age > 0w", "age > 0s"],
    ["age > 90s", "age > 90s"],
    ["age > 48h", "age > 2d"],
    ["age > 999999w", "age > 999999w"],
    ["createdAt < 2027-01-31T00:00Z", "createdAt < 2027-01-31"],
    ["createdAt < 2027-01-31T14:30+02:00", "createdAt < 2027-01-31T12:30:00Z"],
    ["createdAt < 2027-01-31T12:30:00.25Z", "createdAt < 2027-01-31T12:30:00.250Z"],
    ["tag.'a.b' is missing", "tag.a.b is missing"],
    ["tag.'a b' is missing", 'tag."a b" is missing'],
    ['name == "a\u202eb\\n\\u{1F511}"', 'name == "a\\u{202e}b\\n🔑"']
  ])("of %s is %s", (text, canonical) => {
    assert.strictEqual(Selector.print(parsed(text)), canonical)
  })
})

describe("a mistake in a selector", () => {
  it("is shown with a caret, what was expected and the nearest right spelling", () => {
    assert.deepStrictEqual(failure('onwer == "ci" and age > 90d').lines, [
      'the selector, at character 1: "onwer" is no field.',
      '  onwer == "ci" and age > 90d',
      "  ^^^^^",
      "Did you mean owner?",
      "Expected a field: id, name, owner, status, store, backend, tenant, scopes, age, expiresIn, unusedFor, createdAt, " +
        "expiresAt, lastUsedAt or tag.NAME."
    ])
  })

  it("is one sentence in a message", () => {
    assert.strictEqual(
      failure('owner == "ci" & age > 90d').message,
      "the selector, at character 15: this sign has no meaning here. Did you mean and? Expected a field, an operator or a value."
    )
  })

  it("is shown in a part of a long text, and harmless for a terminal", () => {
    const long = `${'owner == "\u001b[31m" or '.repeat(20)}ownr == "ci"${' or owner == "x"'.repeat(20)}`
    const [, text = "", caret = ""] = failure(long).lines
    assert.isBelow(text.length, 90)
    assert.strictEqual(text.slice(caret.indexOf("^"), caret.lastIndexOf("^") + 1), "ownr")
    assert.notInclude(text, "\u001b")
  })

  it.each([
    ["", 0, 0, undefined],
    ["   ", 3, 0, undefined],
    ["owner", 5, 0, undefined],
    ['owner = "ci"', 6, 1, "=="],
    ['owner === "ci"', 6, 3, "=="],
    ["owner == ci", 9, 2, '"ci"'],
    ['owner == "ci', 9, 3, undefined],
    ['owner == "c\\i"', 11, 2, undefined],
    ['owner == "\\u{110000}"', 10, 2, undefined],
    ['owner == "ci" adn age > 1d', 14, 3, "and"],
    ['owner == "ci" && age > 1d', 14, 2, "and"],
    ['owner == "ci" AND age > 1d', 14, 3, "and"],
    ['owner == "ci" age > 1d', 14, 3, undefined],
    ['! owner == "ci"', 0, 1, "not"],
    ['owner < "ci"', 6, 1, undefined],
    ['owner like "ci"', 6, 4, "~"],
    ['owner not in ["ci"]', 6, 3, "not owner in …"],
    ['owner in "ci"', 9, 4, undefined],
    ["owner in []", 10, 1, undefined],
    ['owner in ["ci"', 14, 0, undefined],
    ["owner ~ ci", 8, 2, '"ci*"'],
    ["owner is mising", 9, 6, "missing"],
    ["owner is null", 9, 4, "missing"],
    ['(owner == "ci"', 14, 0, undefined],
    ['owner == "ci")', 13, 1, undefined],
    ['status == "actve"', 10, 7, '"active"'],
    ['status in ["active", "gone"]', 21, 6, undefined],
    ['scope contains "x"', 0, 5, "scopes"],
    ['scopes has "x"', 7, 3, "contains"],
    ['scopes == "x"', 7, 2, "contains"],
    ["scopes contains x", 16, 1, '"x"'],
    ["age > 90", 6, 2, undefined],
    ["age > 90days", 6, 6, "90d"],
    ["age > 1.5d", 6, 4, undefined],
    ["age > 1000000d", 6, 8, undefined],
    ['age > "90d"', 6, 5, "90d"],
    ["age > 2027-01-01", 6, 10, undefined],
    ["created < 2027-01-01", 0, 7, "createdAt"],
    ["expires_in < 7d", 0, 10, "expiresIn"],
    ["createdAt < 90d", 12, 3, undefined],
    ["createdAt < 2027-02-29", 12, 10, undefined],
    ["createdAt < 2027-01-01T12:00", 12, 16, undefined],
    ["createdAt before 2027-01-01", 10, 6, "<"],
    ["tag. == 'x'", 0, 4, undefined],
    ["tag.a. == 'x'", 0, 6, undefined],
    ["tag.'' == 'x'", 0, 6, undefined],
    ["toString == 'x'", 0, 8, undefined],
    ["age > 1constructor", 6, 12, undefined],
    ["owner == “ci”", 9, 1, 'straight quotes (")'],
    ["owner == 💥", 9, 2, undefined],
    ["not", 3, 0, undefined]
  ])("in %s is found at its place", (text, position, length, suggestion) => {
    const error = failure(text)
    assert.deepStrictEqual(
      { position: error.position, length: error.length, suggestion: error.suggestion },
      { position, length, suggestion }
    )
    assert.notStrictEqual(error.expected, "")
  })

  it("is what nests too deep or is too long", () => {
    assert.match(failure(`${"(".repeat(101)}age > 1d${")".repeat(101)}`).message, /nested too deep/)
    assert.match(failure(`${"not ".repeat(1000)}age > 1d`).message, /nested too deep/)
    assert.match(failure(" ".repeat(4097)).message, /at character 4097: the selector is too long/)
    assert.isTrue(Result.isSuccess(Selector.parse(`${"(".repeat(100)}age > 1d${")".repeat(100)}`)))
  })
})

const settings = { arbitrary: { seed: 20270301, runs: 2000 } }

const oneOf = <const A extends ReadonlyArray<string>>(values: A) => Arbitrary.schema(Schema.Literals(values))

const parts = [
  ..."abz09-_.:/ \"'\\*?()[],=<>!~",
  "\n",
  "\u202e",
  "\ud83d",
  "\udd11",
  "🔑",
  "é",
  "tag.",
  "owner",
  "and",
  "2w"
]

const texts = Arbitrary.map(Arbitrary.array(oneOf(parts), { maxLength: 8 }), (all) => all.join(""))

const textFields = Arbitrary.flatMap(
  oneOf(["id", "name", "owner", "store", "backend", "tenant", "tag"]),
  (field): Arbitrary.Arbitrary<Selector.TextField> =>
    field === "tag" ? Arbitrary.map(texts, (name) => `tag.${name}x` as const) : Arbitrary.Constant(field)
)

const orders = oneOf(["==", "!=", "<", "<=", ">", ">="])

const below = (limit: number) => Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: limit })))

const spans = Arbitrary.map(
  Arbitrary.all([
    below(999_999),
    Arbitrary.schema(Schema.Literals([1000, 60_000, 3_600_000, 86_400_000, 604_800_000]))
  ]),
  ([amount, size]) => amount * size
)

const times = Arbitrary.map(below(7_000_000_000_000), (at) => at - 1_000_000_000_000)

const leaves: Arbitrary.Arbitrary<Selector.Selector> = Arbitrary.flatMap(
  oneOf(["text", "oneOf", "scope", "span", "time", "presence"]),
  (kind): Arbitrary.Arbitrary<Selector.Selector> => {
    switch (kind) {
      case "text":
        return Arbitrary.map(
          Arbitrary.all([textFields, oneOf(["==", "!=", "~"]), texts]),
          ([field, operator, value]) => ({ kind, field, operator, value })
        )
      case "oneOf":
        return Arbitrary.map(
          Arbitrary.all([textFields, Arbitrary.array(texts, { minLength: 1, maxLength: 3 })]),
          ([field, values]) => ({ kind, field, values })
        )
      case "scope":
        return Arbitrary.map(Arbitrary.all([oneOf(["contains", "~"]), texts]), ([operator, value]) => ({
          kind,
          operator,
          value
        }))
      case "span":
        return Arbitrary.map(
          Arbitrary.all([oneOf(["age", "expiresIn", "unusedFor"]), orders, spans]),
          ([field, operator, milliseconds]) => ({ kind, field, operator, milliseconds })
        )
      case "time":
        return Arbitrary.map(
          Arbitrary.all([oneOf(["createdAt", "expiresAt", "lastUsedAt"]), orders, times]),
          ([field, operator, epochMilliseconds]) => ({ kind, field, operator, epochMilliseconds })
        )
      case "presence":
        return Arbitrary.map(Arbitrary.all([textFields, oneOf(["present", "missing"])]), ([field, present]) => ({
          kind,
          field,
          present: present === "present"
        }))
    }
  }
)

const selectors = (depth: number): Arbitrary.Arbitrary<Selector.Selector> =>
  depth === 0
    ? leaves
    : Arbitrary.flatMap(oneOf(["leaf", "and", "or", "not"]), (kind): Arbitrary.Arbitrary<Selector.Selector> => {
        if (kind === "leaf") return leaves
        const inner = selectors(depth - 1)
        return kind === "not"
          ? Arbitrary.map(inner, (operand) => ({ kind, operand }))
          : Arbitrary.map(Arbitrary.all([inner, inner]), ([left, right]) => ({ kind, left, right }))
      })

const contrary = { "==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">" } as const

const turned = (selector: Selector.Selector): Selector.Selector => {
  switch (selector.kind) {
    case "and":
    case "or":
      return {
        kind: selector.kind === "and" ? "or" : "and",
        left: turned(selector.left),
        right: turned(selector.right)
      }
    case "not":
      return { kind: "not", operand: turned(selector.operand) }
    case "text":
      return selector.operator === "~"
        ? { kind: "not", operand: selector }
        : { ...selector, operator: contrary[selector.operator] }
    case "span":
    case "time":
      return { ...selector, operator: contrary[selector.operator] }
    case "presence":
      return { ...selector, present: !selector.present }
    default:
      return { kind: "not", operand: selector }
  }
}

describe("any selector", () => {
  it.effect.prop(
    "is read back from its canonical form as it was",
    [selectors(3)],
    ([selector]) =>
      Effect.sync(() => {
        const text = Selector.print(selector)
        assert.deepStrictEqual(parsed(text), selector, text)
        assert.isTrue(text.isWellFormed(), "surrogates are escaped")
      }),
    settings
  )

  it.effect.prop(
    "with each comparison turned around and each and for an or is its own opposite, what is not known included",
    [selectors(3)],
    ([selector]) =>
      Effect.sync(() => {
        for (const subject of [{ key: key() }, { key: full, store: "s", backend: "b", tenant: "t" }]) {
          const answer = Selector.decide(selector, subject, now)
          const contrary = Selector.decide(turned(selector), subject, now)
          assert.strictEqual(contrary, answer === undefined ? undefined : !answer)
        }
      }),
    settings
  )
})

describe("any text", () => {
  const words = oneOf([
    ...parts,
    ...'name is missing present in contains scopes age > >= == != ~ 90d 2027-01-01 2027-13-01 tag.x not or \u201c && "ci" ['.split(
      " "
    ),
    " ",
    " ",
    " "
  ])

  it.effect.prop(
    "is a selector or a mistake at a place of its own, never a defect",
    [Arbitrary.array(words, { maxLength: 30 })],
    ([all]) =>
      Effect.sync(() => {
        const text = all.join("")
        const result = Selector.parse(text)
        if (Result.isSuccess(result)) {
          assert.deepStrictEqual(parsed(Selector.print(result.success)), result.success)
          return
        }
        const { length, lines, position } = result.failure
        assert.isAtLeast(position, 0)
        assert.isAtMost(position + length, text.length)
        assert.isAtLeast(lines.length, 4)
        assert.isTrue(lines.every((line) => !/\p{C}/u.test(line)))
      }),
    settings
  )
})
