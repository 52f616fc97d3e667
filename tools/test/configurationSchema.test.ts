import { assert, describe, it } from "@effect/vitest"
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { configurationSchema } from "../src/configurationSchema.ts"
import { repository, write } from "./miniature.ts"

const file = "packages/config/schema/keyfold.schema.json"

const source = `import * as Adapter from "@keyfold/core/Adapter"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
export const tinyCapabilities = MemoryDriver.capabilities
export const adapter = Adapter.make({
  name: "tiny",
  options: Schema.Struct({ colour: Schema.Literals(["red", "blue"]) }),
  capabilities: () => tinyCapabilities,
  driver: () => Effect.sync(() => MemoryDriver.make())
})
`

const using = async (use: (root: string, read: () => string) => Promise<void>) => {
  const root = mkdtempSync(join(tmpdir(), "keyfold-schema-"))
  try {
    write(root, {
      "package.json": `{ "type": "module" }`,
      "packages/tiny/package.json": `{ "name": "@keyfold/tiny", "type": "module" }`,
      "packages/tiny/src/Tiny.ts": source
    })
    symlinkSync(join(repository, "node_modules"), join(root, "node_modules"))
    await use(root, () => readFileSync(join(root, file), "utf8"))
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

describe("configurationSchema", () => {
  it("writes what the file may say from the adapters of the repository, and reports it where it is stale", () =>
    using(async (root, read) => {
      const stale = [
        {
          file,
          problem: "is not what the configuration file is judged with",
          mend: "run node tools/src/configurationSchema.ts"
        }
      ]
      assert.deepStrictEqual(await configurationSchema(root, true), stale)
      assert.deepStrictEqual(await configurationSchema(root, false), [])
      assert.deepStrictEqual(await configurationSchema(root, true), [])
      const written = JSON.parse(read())
      assert.deepStrictEqual(written.definitions.tinyStore.properties.colour, { type: "string", enum: ["red", "blue"] })
      write(root, { [file]: read().replace('"blue"', '"green"') })
      assert.deepStrictEqual(await configurationSchema(root, true), stale)
    }))

  it("is true in this repository", async () => {
    assert.deepStrictEqual(await configurationSchema(repository, true), [])
  })
})
