import { assert, describe, it } from "@effect/vitest"
import { cpSync } from "node:fs"
import { join } from "node:path"
import { packedInstall } from "../src/packedInstall.ts"
import { cleanFile, repository, withMiniature, type Changes } from "./miniature.ts"

const timeout = 180_000

/** A repository whose only public package is core, with something wrong in it. */
const spoilt = (changes: Changes) =>
  withMiniature(
    {
      "packages/http/package.json": `{ "name": "@keyfold/http", "private": true }`,
      "packages/whylabs/package.json": `{ "name": "@keyfold/whylabs", "private": true }`,
      "packages/core/tsconfig.json": `{ "extends": "../../tsconfig.base.json", "include": ["src"] }`,
      ...changes
    },
    (root) => {
      cpSync(join(repository, "tsconfig.base.json"), join(root, "tsconfig.base.json"))
      return packedInstall(root)
    }
  )

describe("packedInstall", () => {
  it(
    "installs, imports, type-checks and runs the packed packages with a third-party adapter",
    { timeout },
    async () => {
      assert.deepStrictEqual(await packedInstall(repository), [])
    }
  )

  it("reports a package whose sources do not compile", { timeout }, async () => {
    const findings = await spoilt({ "packages/core/src/KeyStore.ts": `export const list: number = "three"\n` })
    assert.match(findings.map(({ problem }) => problem).join("\n"), /TS2322/)
  })

  it("reports what publint finds in a tarball", { timeout }, async () => {
    const manifest = cleanFile("packages/core/package.json").replaceAll("./dist/index.js", "./dist/missing.js")
    const findings = await spoilt({ "packages/core/package.json": manifest })
    assert.match(findings.map(({ problem }) => problem).join("\n"), /^publint: .*missing\.js/)
  })

  it("reports a module plain node cannot import, and an internal one that it can", { timeout }, async () => {
    const findings = await spoilt({
      "packages/core/package.json": cleanFile("packages/core/package.json").replace(`"./internal/*":null,`, ""),
      "packages/core/src/Broken.ts": `export const broken: number = JSON.parse("planted")\n`
    })
    assert.deepStrictEqual(
      findings.map(({ file }) => file),
      ["@keyfold/core/Broken", "@keyfold/core/internal/retry"]
    )
  })
})
