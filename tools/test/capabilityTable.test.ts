import { assert, describe, it } from "@effect/vitest"
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { capabilityTables, place } from "../src/capabilityTable.ts"
import { repository, write, type Changes } from "./miniature.ts"

const readme = "packages/tiny/README.md"
const module = "packages/tiny/src/Tiny.ts"

const source = `import * as Adapter from "@keyfold/core/Adapter"
import { observed, promised } from "@keyfold/core/Capabilities"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
/**
 * Declares what the backend can do. Further sentences are not shown.
 */
export const tinyCapabilities = {
  ...MemoryDriver.capabilities,
  listsRevoked: "byOwner" as const,
  revocationLag: promised("10 seconds"),
  consistency: { visibility: observed("12 seconds"), settle: observed("60 seconds") }
}
/** Declares what the backend can do where \`old\` is chosen. */
export const oldCapabilities = {
  ...tinyCapabilities,
  operations: { ...tinyCapabilities.operations, get: "derived" as const, usage: "unsupported" as const }
}
export const strangeCapabilities = "not a declaration"
export const adapter = Adapter.make({
  name: "tiny",
  options: Schema.Struct({}),
  capabilities: () => tinyCapabilities,
  driver: () => Effect.sync(() => MemoryDriver.make())
})
`

const clean: Changes = {
  "package.json": `{ "type": "module" }`,
  "README.md": "# All\n\n## What each backend can do\n\n## More\n",
  "packages/tiny/package.json": `{ "name": "@keyfold/tiny", "type": "module" }`,
  [readme]: "# Tiny\n\n## What this backend can do\n\nBy hand.\n\n## Errors\n",
  [module]: source
}

const using = async (changes: Changes, use: (root: string, read: (path: string) => string) => Promise<void>) => {
  const root = mkdtempSync(join(tmpdir(), "keyfold-tables-"))
  try {
    write(root, { ...clean, ...changes })
    symlinkSync(join(repository, "node_modules"), join(root, "node_modules"))
    await use(root, (path) => readFileSync(join(root, path), "utf8"))
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

describe("capabilityTable", () => {
  it("writes what an adapter declares, in words, and keeps what was written by hand", () =>
    using({}, async (root, read) => {
      assert.deepStrictEqual(await capabilityTables(root, false), [])
      const text = read(readme)
      assert.include(text, "|  | Tiny | old |")
      assert.include(text, "| `get` | native | derived |")
      assert.include(text, "| `usage` | native | unsupported |")
      assert.match(text, /\| Revoked keys \| listed on request, for one owner at a time; get finds them \|/)
      assert.match(text, /\| A revoked secret stops working \| within 10 s \(promised\) \|/)
      assert.match(text, /\| A change shows in reads \| within 12 s \(observed\) \|/)
      assert.include(text, "- *old*: what the backend can do where `old` is chosen.")
      assert.notInclude(text, "strange")
      assert.match(text, /^# Tiny\n\n## What this backend can do\n\n<!-- cap[^]*end -->\n\nBy hand\.\n\n## Errors\n$/)
    }))

  it("writes one table of all stores into the root's README", () =>
    using({}, async (root, read) => {
      await capabilityTables(root, false)
      assert.include(read("README.md"), "|  | Tiny | Tiny old |")
      assert.match(read("README.md"), /\| A change shows in reads \| all: within 12 s \(observed\) \|/)
      assert.match(read("README.md"), /\| Usage numbers \| all: /)
    }))

  it("finds what it wrote up to date, and leaves it as it is", () =>
    using({}, async (root, read) => {
      await capabilityTables(root, false)
      const before = read(readme)
      assert.deepStrictEqual(await capabilityTables(root, true), [])
      await capabilityTables(root, false)
      assert.strictEqual(read(readme), before)
    }))

  it("reports a table that is not what the adapter declares, and changes nothing", () =>
    using({}, async (root, read) => {
      await capabilityTables(root, false)
      const stale = read(readme).replace("within 12 s", "within 11 s")
      write(root, { [readme]: stale })
      const findings = await capabilityTables(root, true)
      assert.deepStrictEqual(
        findings.map(({ file }) => file),
        [readme]
      )
      assert.match(findings[0]?.mend ?? "", /capabilityTable\.ts/)
      assert.strictEqual(read(readme), stale)
    }))

  it("reports a README without a place for the table", () =>
    using({ [readme]: "# Tiny\n" }, async (root, read) => {
      const findings = await capabilityTables(root, false)
      assert.match(findings[0]?.problem ?? "", /no place/)
      assert.strictEqual(read(readme), "# Tiny\n")
    }))

  it("reports an adapter that cannot be imported, is none, or declares nothing", async () => {
    const spoilt: ReadonlyArray<readonly [text: string, problem: RegExp]> = [
      [`throw new Error("planted")\nexport const adapter = 1\n`, /cannot be imported: planted/],
      [`export const adapter = { name: "tiny" }\n`, /adapter that is none/],
      [
        source.replaceAll("Capabilities = {", "Declaration = {").replaceAll("tinyCapabilities", "tinyDeclaration"),
        /no exported/
      ]
    ]
    for (const [text, problem] of spoilt) {
      await using({ [module]: text }, async (root) => {
        const findings = await capabilityTables(root, true)
        assert.match(findings.find(({ file }) => file === module)?.problem ?? "", problem)
      })
    }
  })

  it("does not touch a text with only one of the two markers", () => {
    const text = "## Title\n\n<!-- capabilities:start -->\n"
    assert.isUndefined(place(text, { heading: "## Title", text: "table" }))
  })
})
