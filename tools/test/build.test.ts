import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { markCalls } from "../src/build/pureCalls.ts"
import { bundle } from "../src/sizeBenchmark/bundle.ts"
import { adapters, withAdapter } from "../src/sizeBenchmark/programs.ts"
import { repository } from "./miniature.ts"

describe("marking calls as pure", () => {
  it("marks every call and construction that makes a constant or a class, nested ones too", () => {
    assert.strictEqual(
      markCalls(`export const a = f(g({ h: new I() }), ...j.k())\nclass B extends m("b")({}) {}\n`),
      `export const a = /*#__PURE__*/ f(/*#__PURE__*/ g({ h: /*#__PURE__*/ new I() }), .../*#__PURE__*/ j.k())\n` +
        `class B extends /*#__PURE__*/ m("b")({}) {}\n`
    )
  })

  it("leaves alone what runs later, and statements that do something", () => {
    const code = `start()\nconst a = () => f()\nfunction b() { return f() }\nclass C { d = f(); e() { return f() } }\n`
    assert.strictEqual(markCalls(code), code)
  })

  it("marks what a class does once, when it is made", () => {
    assert.strictEqual(markCalls(`class A { static b = f() }\n`), `class A { static b = /*#__PURE__*/ f() }\n`)
  })
})

describe("the bundle of the command", () => {
  it("has no letter that makes the engine keep a file in two bytes for each of its letters", () => {
    const folder = join(repository, "packages/keyfold/dist/bundle")
    const files = readdirSync(folder).filter((name) => name.endsWith(".cjs"))
    assert.include(files, "main.cjs")
    for (const name of files) assert.notMatch(readFileSync(join(folder, name), "utf8"), /[\u0080-\uffff]/, name)
  })
})

describe("the size of one adapter with core, for a browser", () => {
  // docs/performance.md says what it is made of. Whoever raises the limit says there what for.
  const limit = 30_500

  it("adds little to effect and ky", async () => {
    for (const [name, module] of adapters) {
      const folder = join(repository, "packages", module.toLowerCase())
      const { all, libraries } = await bundle(withAdapter(name, module), folder)
      assert.isAbove(libraries.compressed, 20_000, `${name} was bundled without effect and ky`)
      const added = all.compressed - libraries.compressed
      assert.isAtMost(added, limit, `${name} adds ${added} bytes`)
    }
  })
})
