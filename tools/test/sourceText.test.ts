import { assert, describe, it } from "@effect/vitest"
import { codeLines, exportsOf, importsOf, scan } from "../src/sourceText.ts"

const specifiers = (text: string) => importsOf(scan(text)).map(({ specifier }) => specifier)

describe("sourceText", () => {
  it("finds every form of import", () => {
    const text = `import "a"
import b from "b"
import type {
  C
} from 'c'
export * from "d"
const e = import("e")
type F = import("f").F
const g = (x: string) => x
import * as H from "h"`
    assert.deepStrictEqual(specifiers(text).toSorted(), ["a", "b", "c", "d", "e", "f", "h"])
  })

  it("ignores imports in comments, strings, templates and regular expressions", () => {
    const text = `// import "a"
/* import "b" */
const c = 'import "c"'
const d = \`import "d" \${[\`\${"}"} import "e"\`]} import "f"\`
const g = /import "g"/.test("x") ? 4 / 2 / 1 : 0 // "
import "h"`
    assert.deepStrictEqual(specifiers(text), ["h"])
  })

  it("counts the lines that hold code", () => {
    const text = `/**
 * Text.
 */

const a = 1 // text
const b = \`
  kept // not a comment
\`
`
    assert.strictEqual(codeLines(scan(text)), 4)
  })

  it("lists exported names, types and destructured ones included", () => {
    const text = `export const a = 1
export interface B {}
export { c as d, type E }
export const { f, g: h } = a
export class I {}
export function* j() {}
const k = 1`
    assert.deepStrictEqual([...exportsOf(scan(text))].toSorted(), ["B", "E", "I", "a", "d", "f", "h", "j"])
  })
})
