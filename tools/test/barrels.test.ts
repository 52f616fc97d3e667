import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { barrels } from "../src/barrels.ts"
import { cleanFile, withMiniature } from "./miniature.ts"

const index = "packages/core/src/index.ts"
const added = { "packages/core/src/ApiKey.ts": "export const a = 1\n", "packages/core/src/bin.ts": "export {}\n" }

describe("barrels", async () => {
  it("finds a clean repository up to date", async () => {
    assert.deepStrictEqual(await withMiniature({}, (root) => barrels(root, true)), [])
  })

  it("reports a stale barrel and leaves it alone with --check", async () => {
    await withMiniature(added, (root) => {
      assert.deepStrictEqual(
        barrels(root, true).map(({ file }) => file),
        [index]
      )
      assert.strictEqual(readFileSync(join(root, index), "utf8"), cleanFile(index))
    })
  })

  it("writes the public modules in alphabetical order and nothing else", async () => {
    await withMiniature(added, (root) => {
      assert.deepStrictEqual(barrels(root, false), [])
      assert.deepStrictEqual(readFileSync(join(root, index), "utf8").split("\n").slice(1), [
        `export * as ApiKey from "./ApiKey.ts"`,
        `export * as KeyStore from "./KeyStore.ts"`,
        ""
      ])
      assert.deepStrictEqual(barrels(root, true), [])
    })
  })

  it("has the root of an application export what is in its lower-case files, and nothing of its command", async () => {
    const manifest = JSON.parse(cleanFile("packages/core/package.json"))
    const application = {
      ...added,
      "packages/core/package.json": JSON.stringify({ ...manifest, bin: { core: "./bin/core.js" } }),
      "packages/core/src/open.ts": "export const open = 1\n",
      "packages/core/src/internal/open.ts": "export const open = 2\n"
    }
    await withMiniature(application, (root) => {
      assert.deepStrictEqual(barrels(root, false), [])
      assert.deepStrictEqual(readFileSync(join(root, index), "utf8").split("\n").slice(1), [
        `export * from "./open.ts"`,
        ""
      ])
    })
  })
})
