import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { copyWorkspace, type Run, type WorkspaceCopy } from "./workspaceCopy.ts"

const timeout = 60_000
const tsc = "node_modules/typescript/bin/tsc"
const oxlint = "node_modules/oxlint/bin/oxlint"
const oxfmt = "node_modules/oxfmt/bin/oxfmt"
const listed = ["tools/src/layers.ts", "tsconfig.json", ".oxlintrc.json", "README.md"]

interface Report {
  readonly testResults: ReadonlyArray<{
    readonly message: string
    readonly assertionResults: ReadonlyArray<{
      readonly fullName: string
      readonly status: string
      readonly failureMessages: ReadonlyArray<string>
    }>
  }>
}

let copy: WorkspaceCopy
let run: Run

const read = (path: string) => readFileSync(join(copy.root, path), "utf8")
const generate = (...args: ReadonlyArray<string>) => copy.node("tools/src/newAdapter.ts", ...args)
const succeeds = ({ output, status }: Run) => assert.strictEqual(status, 0, output)

describe("newAdapter", () => {
  beforeAll(() => {
    copy = copyWorkspace()
    run = generate("--name=acme")
  }, timeout)
  afterAll(() => copy.remove())

  it("writes the package, lists it, and prints what comes next", () => {
    succeeds(run)
    for (const path of run.output.matchAll(/^\S*[\w-]+\/\S+\.\w+$/gm))
      assert.isTrue(existsSync(join(copy.root, path[0])))
    assert.match(run.output, /^1\. npm install$/m)
    for (const path of listed.slice(0, 3)) assert.include(read(path), "acme")
    assert.match(read("README.md"), /\| {2}\| Acme \|/)
  })

  it("leaves no placeholder behind", () => {
    const names = ["README.md", "package.json", "src/Acme.ts", "src/internal/wire.ts", "test/Acme.test.ts"]
    for (const name of names) assert.notMatch(read(`packages/acme/${name}`), /__/)
  })

  it("passes every static check", { timeout }, () => {
    const { output } = copy.node("tools/src/check.ts")
    assert.notMatch(output, /acme/i)
    assert.match(output, /^barrels: ok$/m)
    assert.match(output, /^capabilities: ok$/m)
  })

  it("compiles, and so do its tests", { timeout }, () => {
    succeeds(copy.node(tsc, "-b", "packages/acme"))
    const project = {
      extends: "./tsconfig.tests.json",
      compilerOptions: { incremental: false, rootDir: "." },
      include: ["packages/acme/test/**/*.ts"]
    }
    writeFileSync(join(copy.root, "tsconfig.acme.json"), JSON.stringify(project))
    assert.notMatch(copy.node(tsc, "-p", "tsconfig.acme.json", "--pretty", "false").output, /^packages\/acme/m)
  })

  it("is formatted and free of lint", { timeout }, () => {
    succeeds(copy.node(oxfmt, "--check", "packages/acme", "tools/src/layers.ts", "tsconfig.json", ".oxlintrc.json"))
    succeeds(copy.node(oxlint, "--type-aware", "--deny-warnings", "packages/acme"))
  })

  it("runs the conformance suite red, each case because a function is not written", { timeout }, () => {
    const file = join(copy.root, "report.json")
    const vitest = ["run", "--project", "acme", "--reporter=json", `--outputFile=${file}`]
    const { output } = copy.node("node_modules/vitest/vitest.mjs", ...vitest)
    const { testResults }: Report = JSON.parse(readFileSync(file, "utf8"))
    const cases = testResults.flatMap(({ assertionResults }) => assertionResults)
    const failed = cases.filter(({ status }) => status === "failed")
    assert.strictEqual(testResults[0]?.message, "", output)
    assert.isAbove(failed.length, 30)
    for (const { failureMessages, fullName } of failed) {
      assert.match(
        failureMessages.join("\n"),
        /(?:create|get|list|revoke) of @keyfold\/acme is not written yet/,
        fullName
      )
    }
    for (const title of ["create a new key is active", "get a key is found by its id"]) {
      assert.isTrue(failed.some(({ fullName }) => fullName.includes(title)))
    }
  })

  it.each([
    ["an existing folder", "acme", /packages\/acme exists already; nothing was changed/],
    ["a name with upper case", "Acme", /"Acme" is no adapter name: expected/],
    ["a name with a scope", "@acme/keys", /is no adapter name/],
    ["a path", "../acme", /is no adapter name/],
    ["a name that says nothing", "utils", /does not name a backend/],
    ["a name the generated modules use", "effect", /does not name a backend/],
    ["no name", "", /is no adapter name/]
  ])("refuses %s and changes nothing", (_, name, message) => {
    const before = listed.map(read)
    const { output, status, stdout } = generate(`--name=${name}`)
    assert.strictEqual(status, 1)
    assert.strictEqual(stdout, "")
    assert.match(output, message)
    assert.deepStrictEqual(listed.map(read), before)
  })

  it("refuses a package that is only planned and changes nothing", () => {
    const before = listed.map(read)
    const path = join(copy.root, "tools/src/layers.ts")
    const text = readFileSync(path, "utf8")
    writeFileSync(path, text.replace('"@keyfold/gateway": {', '"@keyfold/planned": { ...portable },\n$&'))
    const { output, status } = generate("--name=planned")
    writeFileSync(path, text)
    assert.strictEqual(status, 1)
    assert.match(output, /row for @keyfold\/planned already/)
    assert.deepStrictEqual(listed.map(read), before)
  })

  it("asks for a name, and refuses an option it does not know", () => {
    assert.match(generate().output, /say which backend: --name=acme/)
    assert.match(generate("--nmae=acme").output, /'--nmae'/)
  })

  it("writes into another workspace with --root", { timeout }, () => {
    succeeds(generate("--name", "second", "--root", copy.root))
    assert.isTrue(existsSync(join(copy.root, "packages/second/src/Second.ts")))
  })
})
