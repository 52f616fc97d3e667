import { assert, describe, it } from "@effect/vitest"
import { arthurCapabilities } from "@keyfold/arthur/Arthur"
import { promised, type Capabilities } from "@keyfold/core/Capabilities"
import { occamCapabilities, verifyingCapabilities } from "@keyfold/occam/Occam"
import { sqliteCapabilities } from "@keyfold/sql/Sql"
import { v0Capabilities, v1Capabilities } from "@keyfold/whylabs/WhyLabs"
import * as Duration from "effect/Duration"
import { readFileSync } from "node:fs"
import { caveats, duration, facts, operations, support, within } from "../src/internal/words.ts"

const declared: Readonly<Record<string, Capabilities>> = {
  arthur: arthurCapabilities,
  occam: occamCapabilities,
  "occam verifying": verifyingCapabilities,
  sql: sqliteCapabilities,
  "whylabs v0": v0Capabilities,
  "whylabs v1": v1Capabilities
}

/** One change per member, and per value that a member may have. */
const changes: { readonly [Name in keyof Capabilities]: ReadonlyArray<Partial<Capabilities>> } = {
  operations: (["native", "derived", "unsupported"] as const).map((get) => ({
    operations: { ...sqliteCapabilities.operations, get }
  })),
  identify: [{ identify: true }, { identify: false }],
  listsRevoked: [{ listsRevoked: "always" }, { listsRevoked: "byOwner" }, { listsRevoked: "never" }],
  getsRevoked: [{ getsRevoked: true }, { getsRevoked: false }],
  expiry: [{ expiry: true }, { expiry: false }],
  scopes: [{ scopes: true }, { scopes: false }],
  owners: [{ owners: "required" }, { owners: "optional" }, { owners: "unsupported" }],
  tags: [{ tags: true }, { tags: false }],
  pagination: [{ pagination: "native" }, { pagination: "derived" }],
  usage: [{ usage: "exact" }, { usage: "approximate" }, { usage: "lastUsedOnly" }, { usage: "unknown" }],
  createSafety: [{ createSafety: "idempotent" }, { createSafety: "marker" }, { createSafety: "none" }],
  revokes: [{ revokes: "any" }, { revokes: "ownCreationsOnly" }],
  revokeUnknown: [{ revokeUnknown: "notFound" }, { revokeUnknown: "ambiguous" }, { revokeUnknown: "undocumented" }],
  repeatedRevoke: [{ repeatedRevoke: "unchanged" }, { repeatedRevoke: "movesTime" }],
  revocationLag: [{ revocationLag: promised(0) }, { revocationLag: promised("10 seconds") }],
  quota: [
    { quota: { source: "unknown" } },
    { quota: { source: "known", limit: 25 } },
    { quota: { source: "configured", limit: 25 } }
  ],
  consistency: [
    { consistency: { visibility: promised(0), settle: promised(0) } },
    { consistency: { visibility: promised("2 seconds"), settle: promised(0) } },
    { consistency: { visibility: promised(0), settle: promised("2 seconds") } }
  ],
  tenancy: [{ tenancy: "native" }, { tenancy: "label" }, { tenancy: "none" }]
}

const said = (capabilities: Capabilities): string =>
  JSON.stringify([
    operations.map((operation) => support(capabilities.operations[operation])),
    ...facts(capabilities).map((fact) => [...fact])
  ])

describe("capabilities in words", () => {
  it.each(Object.entries(changes))("tell every value of %s from every other", (_, variants) => {
    const texts = variants.map((change) => said({ ...sqliteCapabilities, ...change }))
    assert.isAtLeast(texts.length, 2)
    assert.strictEqual(new Set(texts).size, texts.length)
  })

  it("name the same facts for every adapter, each in a few words", () => {
    const names = facts(sqliteCapabilities).map(([name]) => name)
    assert.strictEqual(new Set(names).size, names.length)
    for (const [adapter, capabilities] of Object.entries(declared)) {
      assert.deepStrictEqual(
        facts(capabilities).map(([name]) => name),
        names,
        adapter
      )
      for (const [name, text] of facts(capabilities)) assert.match(text, /^[^|\n]{2,70}$/, `${adapter}: ${name}`)
    }
  })

  it("say of each backend first what surprises most", () => {
    assert.deepStrictEqual(Object.fromEntries(Object.entries(declared).map(([name, one]) => [name, caveats(one)])), {
      arthur: [
        "no usage, no verify",
        "no expiry",
        "revoked keys are not listed",
        "a revoked secret works up to 10 s longer"
      ],
      occam: [
        "no verify",
        "no expiry",
        "no scopes",
        "revoked keys vanish",
        "reads lag up to 10 s",
        "a revoked secret works up to 24 h longer"
      ],
      "occam verifying": [
        "no expiry",
        "no scopes",
        "revoked keys vanish",
        "reads lag up to 10 s",
        "a revoked secret works up to 24 h longer"
      ],
      sql: [],
      "whylabs v0": ["no verify", "revoked keys by owner only", "reads lag up to 12 s"],
      "whylabs v1": ["no usage", "revoked keys vanish", "revokes its own keys only", "reads lag up to 12 s"]
    })
  })

  it("give durations in the largest unit that fits", () => {
    const texts = ["200 millis", "1 second", "60 seconds", "90 seconds", "2 minutes", "24 hours", "2 days"] as const
    assert.deepStrictEqual(
      texts.map((text) => duration(Duration.fromInputUnsafe(text))),
      ["0.2 s", "1 s", "60 s", "90 s", "2 min", "24 h", "2 days"]
    )
    assert.strictEqual(within(Duration.zero), "at once")
    assert.strictEqual(within(Duration.hours(24)), "within 24 h")
  })

  it("are a pure module, which the tables of the READMEs are written with too", () => {
    const source = readFileSync(new URL("../src/internal/words.ts", import.meta.url), "utf8")
    const imports = [...source.matchAll(/from "(.+)"/g)].map(([, name]) => name)
    assert.deepStrictEqual(imports, ["@keyfold/core/Capabilities", "@keyfold/core/KeyStoreError", "effect/Duration"])
  })
})
