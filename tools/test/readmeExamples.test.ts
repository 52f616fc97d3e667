import { assert, describe, it } from "@effect/vitest"
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { embed } from "../src/embeddedExamples.ts"
import { fencesOf } from "../src/fences.ts"
import { checkExamples, type Options } from "../src/readmeExamples.ts"
import { repository, withMiniature, write, type Changes } from "./miniature.ts"

const fence = (language: string, text: string): string => `\`\`\`${language}\n${text}\n\`\`\`\n`

/** Examples resolve packages upwards from their folder, so these miniatures live below the repository's node_modules. */
const check = async (files: Changes, options: Partial<Options> = {}) => {
  const cache = join(repository, "node_modules/.cache")
  mkdirSync(cache, { recursive: true })
  const root = mkdtempSync(join(cache, "readme-test-"))
  try {
    mkdirSync(join(root, "packages"))
    copyFileSync(join(repository, "tsconfig.base.json"), join(root, "tsconfig.base.json"))
    write(root, files)
    const findings = await checkExamples({ root, validateConfiguration: async () => [], ...options })
    return findings.map(({ file, problem }) => `${file} ${problem}`)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

describe("readmeExamples", () => {
  it("accepts examples that compile against the sources", async () => {
    const program = `import * as Effect from "effect/Effect"
import { KeyId } from "@keyfold/core/ApiKey"
const unused: Effect.Effect<KeyId> = Effect.succeed(KeyId.make("fh4dUNV3WQ"))`
    const files = { "README.md": `# Title\n\n${fence("ts", program)}\n${fence("sh", "not | checked (")}` }
    assert.deepStrictEqual(await check(files), [])
  })

  it("reports a planted bad example by file and line, wherever the document is", async () => {
    const bad = `# Title\n\n${fence("ts", `const fine = 1\nconst count: number = "three"`)}`
    const files = { "README.md": bad, "packages/core/README.md": bad, "docs/guide/Start.md": bad }
    const found = await check(files)
    assert.strictEqual(found.length, 3)
    for (const path of Object.keys(files)) assert.match(found.join("\n"), new RegExp(`^${path}:5 TS2322`, "m"))
  })

  it("reports an import that does not exist", async () => {
    const found = await check({ "README.md": fence("ts", `import { nothing } from "@keyfold/core/ApiKey"\nnothing()`) })
    assert.strictEqual(found.length, 1)
    assert.match(found[0] ?? "", /^README.md:2 TS2305/)
  })

  it("parses yaml and json and reports the line", async () => {
    const files = {
      "README.md": fence("yaml", "stores:\n  a: { adapter: sql"),
      "SECURITY.md": `${fence("json", `{ "a": 1 }`)}\n${fence("json", "{ a: 1 }")}`
    }
    const found = await check(files)
    assert.match(found.join("\n"), /^README.md:4 Flow map/m)
    assert.match(found.join("\n"), /^SECURITY.md:6 /m)
    assert.isTrue(found.length >= 2)
  })

  it("hands yaml and json that are Keyfold configurations, and no others, to the judge", async () => {
    const yaml = "stores:\n  a: { adapter: sql }"
    const json = `{ "stores": {} }`
    const files = {
      "README.md": `${fence("yaml", yaml)}\n${fence("yaml", "on: push")}\n${fence("json", json)}\n${fence("json", "{}")}`
    }
    const seen: Array<string> = []
    const found = await check(files, {
      validateConfiguration: async (text) => {
        seen.push(text.trim())
        return text.trim() === yaml ? [{ line: 2, problem: "stores.a needs a url" }] : []
      }
    })
    assert.deepStrictEqual(seen.toSorted(), [json, yaml].toSorted())
    assert.deepStrictEqual(found, ["README.md:3 stores.a needs a url"])
  })

  it("refuses a fence whose mark would escape the check", async () => {
    assert.deepStrictEqual(await check({ "README.md": fence("typescript", "x") }), [
      "README.md:1 is marked typescript, which is not checked"
    ])
  })

  it("finds indented fences and takes their indentation off", () => {
    const fences = fencesOf("README.md", "- item\n\n  ```ts\n  const a = 1\n    const b = 2\n  ```\n")
    assert.deepStrictEqual(fences, [
      { file: "README.md", line: 4, language: "ts", text: "const a = 1\n  const b = 2\n" }
    ])
  })

  it("compares a block below an example's name with that file, and wants every example shown", async () => {
    const program = "export const one: string = 1\n"
    const shown = (path: string, text: string) => `<!-- example: ${path} -->\n\n${fence("ts", text)}`
    const files = {
      "packages/core/examples/one.ts": program,
      "packages/core/examples/two.ts": program,
      "docs/one.md": shown("packages/core/examples/one.ts", program.trimEnd()),
      "docs/other.md": shown("packages/core/examples/one.ts", "export const one = 2"),
      "docs/none.md": shown("packages/core/examples/none.ts", program.trimEnd())
    }
    assert.deepStrictEqual((await check(files)).toSorted(), [
      "docs/none.md:4 shows packages/core/examples/none.ts, which does not exist",
      "docs/other.md:4 differs from packages/core/examples/one.ts",
      "packages/core/examples/two.ts is shown nowhere"
    ])
  })

  it("copies examples into the documents that show them, and nothing else", async () => {
    const other = fence("ts", "export const two = 2")
    await withMiniature(
      {
        "packages/core/examples/one.ts": "export const one = 1\n// $& and $1 stay\n",
        "docs/one.md": `# One\n\n<!-- example: packages/core/examples/one.ts -->\n${fence("ts", "old")}\n${other}`
      },
      (root) => {
        embed(root)
        assert.strictEqual(
          readFileSync(join(root, "docs/one.md"), "utf8"),
          `# One\n\n<!-- example: packages/core/examples/one.ts -->\n${fence("ts", "export const one = 1\n// $& and $1 stay")}\n${other}`
        )
      }
    )
  })
})
