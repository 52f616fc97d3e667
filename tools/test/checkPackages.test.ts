import { assert, describe, it } from "@effect/vitest"
import { checkPackages } from "../src/checkPackages.ts"
import { cleanFile, withMiniature, type Changes } from "./miniature.ts"

interface Case {
  readonly title: string
  readonly changes: Changes
  readonly file: string
  readonly problem: RegExp
}

const keyStore = "packages/core/src/KeyStore.ts"
const whyLabs = "packages/whylabs/src/WhyLabs.ts"
const manifest = "packages/core/package.json"
const add = (path: string, line: string): Changes => ({ [path]: `${cleanFile(path)}${line}\n` })
const edit = (path: string, from: string, to: string): Changes => ({ [path]: cleanFile(path).replace(from, to) })
const lines = (count: number): string =>
  Array.from({ length: count }, (_, index) => `export const a${index} = ${index}`).join("\n")
const tarballAddress = ["https:", "", "example.test", "a.tgz"].join("/")
const machinePath = ["", "root", "keyfold"].join("/")

const cases: ReadonlyArray<Case> = [
  ...["README.md", "LICENSE", "package.json", "tsconfig.json", "src/index.ts"].map((name) => ({
    title: `a package without ${name}`,
    changes: { [`packages/core/${name}`]: undefined },
    file: `packages/core/${name}`,
    problem: /does not exist/
  })),
  {
    title: "a package without a test",
    changes: { "packages/core/test/KeyStore.test.ts": undefined },
    file: "packages/core/test",
    problem: /no \*\.test\.ts/
  },
  {
    title: "another licence text",
    changes: { "packages/core/LICENSE": "Mine\n" },
    file: "packages/core/LICENSE",
    problem: /differs/
  },
  ...[
    ["license", `"MIT"`, `"ISC"`],
    ["type", `"module"`, `"commonjs"`],
    ["sideEffects", `"sideEffects":[]`, `"sideEffects":true`],
    ["engines", ">=22.19", ">=20"],
    ["files", `["src","dist"]`, `["dist"]`],
    ["exports", `"./internal/*":null,`, ""]
  ].map(([field = "", from = "", to = ""]) => ({
    title: `another "${field}"`,
    changes: edit(manifest, from, to),
    file: manifest,
    problem: new RegExp(`"${field}" differs`)
  })),
  {
    title: "a schema that is not published",
    changes: { "packages/core/schema/core.schema.json": "{}" },
    file: manifest,
    problem: /"files" differs/
  },
  {
    title: "export conditions in another order",
    changes: edit(
      manifest,
      `"types":"./dist/index.d.ts","default":"./dist/index.js"`,
      `"default":"./dist/index.js","types":"./dist/index.d.ts"`
    ),
    file: manifest,
    problem: /"exports" differs/
  },
  {
    title: "an import in src that is not declared",
    changes: edit("packages/http/package.json", `"ky":"2.1.0"`, ""),
    file: "packages/http/src/Transport.ts:1",
    problem: /ky, which is not declared/
  },
  {
    title: "an import in a test that nobody declares",
    changes: add("packages/core/test/KeyStore.test.ts", `import "left-pad"`),
    file: "packages/core/test/KeyStore.test.ts:3",
    problem: /left-pad, which is not declared/
  },
  {
    title: "a dependency that src never names",
    changes: edit(manifest, `"dependencies":{}`, `"dependencies":{"yaml":"2.9.1"}`),
    file: manifest,
    problem: /yaml, which src never names/
  },
  {
    title: "a reference that is missing",
    changes: { "packages/http/tsconfig.json": `{ "references": [] }` },
    file: "packages/http/tsconfig.json",
    problem: /reference packages\/core/
  },
  {
    title: "a package the root does not reference",
    changes: edit("tsconfig.json", `{"path":"packages/http"},`, ""),
    file: "tsconfig.json",
    problem: /reference packages\/http/
  },
  ...[
    [`import "node:fs"`, /node:fs, but/],
    [`import ky from "ky"`, /imports ky, which @keyfold\/core may not/],
    [
      `export type T = typeof import("@keyfold/http/Transport")`,
      /imports @keyfold\/http, which @keyfold\/core may not/
    ],
    [`import { Effect as E } from "effect"`, /barrel of effect/],
    [`export * from "effect/http/HttpClient"`, /effect\/http\/HttpClient, which effect tags unstable/],
    [`import type { Path } from "effect/Path"`, /effect\/Path, which effect tags unstable/],
    [`import * as TestClock from "effect/testing"`, /effect\/testing, which effect tags unstable/],
    [`import { ByteSize } from "effect/Config"`, /ByteSize of effect\/Config/],
    [`import { list as own } from "@keyfold/core/KeyStore"`, /imports its own package/],
    [`import { transport } from "../../http/src/Transport.ts"`, /leaves its package/]
  ].map(([line, problem]) => ({
    title: `core with ${String(line)}`,
    changes: add(keyStore, String(line)),
    file: `${keyStore}:4`,
    problem: new RegExp(problem ?? "")
  })),
  {
    title: "an unstable member used where it is imported",
    changes: edit(keyStore, "Effect.succeed(retry)", "Effect.withExecutionPlan"),
    file: `${keyStore}:1`,
    problem: /withExecutionPlan/
  },
  ...[
    [`import "@keyfold/core"`, /barrel of @keyfold\/core/],
    [`import "@keyfold/core/internal/retry"`, /reaches into @keyfold\/core\/internal\/retry/],
    [`import "ky"`, /imports ky, which @keyfold\/whylabs may not/],
    [`import "@keyfold/arthur/Arthur"`, /imports @keyfold\/arthur, which @keyfold\/whylabs may not/],
    [`export const lazy = () => import("undici")`, /imports undici, which @keyfold\/whylabs may not/]
  ].map(([line, problem]) => ({
    title: `an adapter with ${String(line)}`,
    changes: add(whyLabs, String(line)),
    file: `${whyLabs}:7`,
    problem: new RegExp(problem ?? "")
  })),
  {
    title: "a test that reaches into another package",
    changes: add("packages/http/test/Transport.test.ts", `import "@keyfold/core/internal/retry"`),
    file: "packages/http/test/Transport.test.ts:3",
    problem: /reaches into/
  },
  {
    title: "a package without a layer",
    changes: edit(manifest, "@keyfold/core", "@keyfold/other"),
    file: manifest,
    problem: /has no layer/
  },
  ...[
    "src/utils/Key.ts",
    "src/internal/helpers.ts",
    "test/shared.ts",
    "src/Types.ts",
    "src/internal/key.constants/a.ts"
  ]
    .slice(0, 4)
    .map((name) => ({
      title: `a file called ${name}`,
      changes: { [`packages/core/${name}`]: "export {}\n" },
      file: `packages/core/${name}`,
      problem: /says nothing/
    })),
  {
    title: "a public module in lower case",
    changes: { "packages/core/src/key.ts": "export {}\n" },
    file: "packages/core/src/key.ts",
    problem: /PascalCase/
  },
  {
    title: "an internal module in upper case",
    changes: { "packages/core/src/internal/Key.ts": "export {}\n" },
    file: "packages/core/src/internal/Key.ts",
    problem: /upper-case/
  },
  {
    title: "output whose source is gone",
    changes: { "packages/core/dist/Old.js": "" },
    file: "packages/core/dist/Old.js",
    problem: /source that is gone/
  },
  ...[
    [
      "drops the override of a package",
      `"packages/occam/src/**"`,
      `"packages/other/src/**"`,
      /no import rule for @keyfold\/occam/
    ],
    ["permits an import the layers forbid", `"!ky"`, `"!ky", "!undici"`, /does not permit @keyfold\/http/],
    ["forbids an import the layers permit", `"!yaml",`, "", /does not permit @keyfold\/node/]
  ].map(([title, from, to, problem]) => ({
    title: `a linter that ${String(title)}`,
    changes: edit(".oxlintrc.json", String(from), String(to)),
    file: ".oxlintrc.json",
    problem: new RegExp(problem ?? "")
  })),
  ...["Options", "capabilities", "make", "layer", "layerConfig"].map((name) => ({
    title: `an adapter that does not export ${name}`,
    changes: { [whyLabs]: cleanFile(whyLabs).replace(new RegExp(`\\b${name}\\b(?= [{=}])|\\b${name}, `), "other") },
    file: whyLabs,
    problem: new RegExp(`not ${name}$`)
  })),
  {
    title: "an adapter's README with other headings",
    changes: edit("packages/whylabs/README.md", "## Errors", "## Failures"),
    file: "packages/whylabs/README.md",
    problem: /Failures/
  },
  {
    title: "a README with a heading only inside a code block",
    changes: edit("packages/core/README.md", "## Use\n", "```md\n## Use\n```\n"),
    file: "packages/core/README.md",
    problem: /headings Install, License/
  },
  {
    title: "a file of more than 400 code lines",
    changes: { "packages/core/src/internal/long.ts": lines(401) },
    file: "packages/core/src/internal/long.ts",
    problem: /401 code lines/
  },
  {
    title: "an adapter over its budget",
    changes: { "packages/whylabs/src/internal/a.ts": lines(400), "packages/whylabs/src/internal/b.ts": lines(300) },
    file: "packages/whylabs/src",
    problem: /more than the 700/
  },
  {
    title: "a path of this machine",
    changes: { "docs/Setup.md": `See\n${machinePath}\n` },
    file: "docs/Setup.md:2",
    problem: /path of one machine/
  },
  {
    title: "a lock file that names a registry",
    changes: { "package-lock.json": `{ "resolved": ${JSON.stringify(tarballAddress)} }` },
    file: "package-lock.json:1",
    problem: /package registry/
  }
]

describe("checkPackages", () => {
  it("finds nothing in a clean repository", async () => {
    assert.deepStrictEqual(await withMiniature({}, checkPackages), [])
  })

  it.each(cases)("refuses $title", async ({ changes, file, problem }) => {
    const findings = await withMiniature(changes, checkPackages)
    const found = findings.filter((finding) => finding.file === file && problem.test(finding.problem))
    assert.strictEqual(found.length, 1, JSON.stringify(findings, undefined, 2))
    assert.isAbove(found[0]?.mend.length ?? 0, 0)
  })

  it("accepts comments, strings and long prose that only look like violations", async () => {
    const text = `${cleanFile(keyStore)}// import ky from "ky"\n/* import "node:fs" */\nexport const code = \`import "undici" \${"}"}\`\n`
    const commented = `${Array.from({ length: 500 }, (_, index) => `// ${index}`).join("\n")}\nexport const short = /["'\`]/\n`
    const changes = { [keyStore]: text, "packages/core/src/internal/commented.ts": commented }
    assert.deepStrictEqual(await withMiniature(changes, checkPackages), [])
  })
})
