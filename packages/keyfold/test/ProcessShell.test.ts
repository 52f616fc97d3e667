import { assert, describe, it } from "@effect/vitest"
import { commandLine, typeInto, wantsColor } from "../src/internal/processShell.ts"
import { cut, escape, width, wrap } from "../src/internal/text.ts"

describe("a line typed on a terminal in raw mode", () => {
  it("ends with Enter or Ctrl-D, loses characters to Backspace, and is given up with Ctrl-C", () => {
    assert.deepStrictEqual(typeInto("", "kf_ab"), { text: "kf_ab", ended: false, interrupted: false })
    assert.deepStrictEqual(typeInto("kf_", "abx\u007fc\rrest"), { text: "kf_abc", ended: true, interrupted: false })
    assert.deepStrictEqual(typeInto("a", "\u0004"), { text: "a", ended: true, interrupted: false })
    assert.deepStrictEqual(typeInto("a", "b\u0003"), { text: "ab", ended: true, interrupted: true })
    assert.deepStrictEqual(typeInto("a𝄞", "\b\u0001"), { text: "a", ended: false, interrupted: false })
  })
})

describe("colour", () => {
  it("is for terminals, unless NO_COLOR, FORCE_COLOR or a dumb terminal say otherwise", () => {
    assert.isTrue(wantsColor({}, true))
    assert.isFalse(wantsColor({}, false))
    assert.isTrue(wantsColor({ NO_COLOR: "" }, true))
    assert.isFalse(wantsColor({ NO_COLOR: "1", FORCE_COLOR: "1" }, true))
    assert.isFalse(wantsColor({ TERM: "dumb", FORCE_COLOR: "1" }, true))
    assert.isTrue(wantsColor({ FORCE_COLOR: "1" }, false))
    assert.isFalse(wantsColor({ FORCE_COLOR: "0" }, false))
  })
})

describe("the command in examples", () => {
  it("is what starts this very command again", () => {
    const system = "/usr/bin/node"
    const started = (
      script: string,
      folder: string,
      environment: Readonly<Record<string, string>> = {},
      executable = system
    ) => commandLine(script, executable, folder, environment, (path) => path === "/linked/node_modules/.bin/keyfold")
    assert.strictEqual(started("/usr/bin/keyfold", "/b"), "keyfold")
    assert.strictEqual(started("/usr/bin/keyfold", "/linked"), "keyfold")
    assert.strictEqual(started("/a/.bin/keyfold", "/a", { npm_command: "exec" }), "npx keyfold")
    assert.strictEqual(started("/a/node_modules/.bin/keyfold", "/a"), "npx keyfold")
    assert.strictEqual(started("/a/dist/bin.js", "/a"), "node dist/bin.js")
    assert.strictEqual(started("/a/dist/bin.js", "/a", {}, "/a/node_modules/x/node"), "npx node dist/bin.js")
    assert.strictEqual(started("/a/dist/bin.js", "/b"), "node /a/dist/bin.js")
    assert.strictEqual(started("/linked/packages/keyfold/dist/bin.js", "/linked"), "npx keyfold")
    assert.strictEqual(started("/linked/packages/keyfold/bin/keyfold.js", "/linked/packages"), "npx keyfold")
    assert.strictEqual(started("/linked/src/bin.ts", "/linked"), "node src/bin.ts")
  })
})

describe("text for a terminal", () => {
  it("is measured and cut by what is seen, never inside a character", () => {
    assert.strictEqual(width("漢字"), 4)
    assert.strictEqual(cut("漢字漢字", 5), "漢字…")
    assert.strictEqual(cut("漢字漢字", 4), "漢…")
    assert.strictEqual(cut("👩‍👩‍👧👩‍👩‍👧", 3), "👩‍👩‍👧…")
    assert.strictEqual(cut("abc", 3), "abc")
    assert.strictEqual(cut("abc", 1), "…")
  })

  it("shows what would steer a terminal or hide itself, and keeps what joins characters", () => {
    assert.strictEqual(
      escape("a\u001b[0m\u009b\n\t\u202e\u{e0041}\ud800"),
      "a\\u{1b}[0m\\u{9b}\\n\\t\\u{202e}\\u{e0041}\\u{d800}"
    )
    assert.strictEqual(escape("👩‍👩‍👧 über e\u0301"), "👩‍👩‍👧 über e\u0301")
  })

  it("is wrapped at spaces and keeps its indentation", () => {
    assert.deepStrictEqual(wrap("one two three\n  four five", 9), ["one two", "three", "  four", "  five"])
    assert.deepStrictEqual(wrap("incomprehensibilities", 9), ["incomprehensibilities"])
  })
})
