/**
 * Writes the package of a new adapter: it compiles, passes every check, and runs the conformance suite red until its
 * functions are written.
 *
 *     npx nx run tools:new-adapter --name=acme
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { parseArgs } from "node:util"
import { barrels } from "./barrels.ts"
import { capabilityTables } from "./capabilityTable.ts"
import { configurationSchema } from "./configurationSchema.ts"
import type { Finding } from "./finding.ts"
import { isVague } from "./rules/files.ts"
import { filesBelow, readJson, type Manifest } from "./workspace.ts"

/** What to write, and where. */
export interface Options {
  readonly name: string
  readonly root: string
}

/** Either the files that were written, or why none was. */
export type Outcome =
  | { readonly written: ReadonlyArray<string>; readonly findings: ReadonlyArray<Finding> }
  | { readonly refusal: string }

interface Edit {
  readonly file: string
  readonly text: string
}

const templates = join(import.meta.dirname, "../templates")

const namespaceOf = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1)

const templateFiles: ReadonlyArray<string> = filesBelow(templates, "adapter")

const template = (path: string): string => readFileSync(join(templates, path), "utf8")

/** The names the templates import modules under; a namespace of the same name would not compile. */
const takenNamespaces: ReadonlySet<string> = new Set(
  templateFiles.flatMap((path) => [...template(path).matchAll(/\* as (\w+)/g)].map(([, name = ""]) => name))
)

/** Says why a name cannot be used, or nothing. */
const refuseName = ({ name, root }: Options): string | undefined => {
  const layers = readFileSync(join(root, "tools/src/layers.ts"), "utf8")
  if (!/^[a-z][a-z0-9]{1,39}$/.test(name)) {
    return `"${name}" is no adapter name: expected 2 to 40 lower-case letters and digits, a letter first, such as acme`
  }
  if (isVague(name) || takenNamespaces.has(namespaceOf(name))) {
    return `"${name}" cannot be used: it does not name a backend. Name the service the adapter is for`
  }
  if (existsSync(join(root, "packages", name))) return `packages/${name} exists already; nothing was changed`
  return layers.includes(`"@keyfold/${name}"`)
    ? `tools/src/layers.ts has a row for @keyfold/${name} already`
    : undefined
}

const fill = (text: string, { name, root }: Options): string => {
  const { peerDependencies = {}, version = "" } = readJson<Manifest>(join(root, "packages/core/package.json"))
  return (
    text
      .replaceAll("__name__", name)
      .replaceAll("__Name__", namespaceOf(name))
      .replaceAll("__NAME__", name.toUpperCase())
      .replaceAll("__version__", version)
      // Nothing was published before 0.1.0.
      .replaceAll("__since__", version === "0.0.0" ? "0.1.0" : version)
      .replaceAll("__effect__", peerDependencies["effect"] ?? "")
  )
}

/** `src/Adapter.ts.txt` becomes `src/Acme.ts`, `test/Server.ts.txt` becomes `test/AcmeServer.ts`. */
const targetOf = (path: string, { name }: Options): string =>
  path
    .replace(/^adapter\//, `packages/${name}/`)
    .replace(/\.txt$/, "")
    .replace(/\/Adapter(?=\.(?:test\.)?ts$)/, `/${namespaceOf(name)}`)
    .replace(/\/Server\.ts$/, `/${namespaceOf(name)}Server.ts`)

const packageFiles = (options: Options): ReadonlyArray<Edit> => [
  ...templateFiles.map((path) => ({ file: targetOf(path, options), text: fill(template(path), options) })),
  { file: `packages/${options.name}/LICENSE`, text: readFileSync(join(options.root, "LICENSE"), "utf8") }
]

/** One place of the workspace that lists packages: `insert` goes right behind the last match of `after`. */
interface Listing {
  readonly file: string
  readonly after: RegExp
  readonly insert: string
}

const listings = (name: string): ReadonlyArray<Listing> => [
  {
    file: "tools/src/layers.ts",
    after: /^ {2}"@keyfold\/\w+": \{ \.\.\.adapter, [^\n]*\},$/gm,
    insert: `\n  "@keyfold/${name}": { ...adapter, adapterLines: linesPerDialect },`
  },
  { file: "tsconfig.json", after: /\{ "path": "packages\/\w+" \}/g, insert: `,\n    { "path": "packages/${name}" }` },
  {
    file: ".oxlintrc.json",
    after: /"packages\/\w+\/src\/\*\*"(?=\s*\](?:(?!"files":)[^])*?"message": "an adapter imports)/g,
    insert: `, "packages/${name}/src/**"`
  }
]

const insertInto = (root: string, { after, file, insert }: Listing): Edit | string => {
  const text = readFileSync(join(root, file), "utf8")
  const last = [...text.matchAll(after)].at(-1)
  if (last === undefined) return `${file} does not list the adapters as it did: mend tools/src/newAdapter.ts`
  const at = last.index + last[0].length
  return { file, text: text.slice(0, at) + insert + text.slice(at) }
}

/** Links the package as `npm install` will, so that examples and configurations find it at once. */
const link = ({ name, root }: Options): void => {
  const scope = join(root, "node_modules/@keyfold")
  if (existsSync(scope) && !existsSync(join(scope, name))) symlinkSync(`../../packages/${name}`, join(scope, name))
}

const format = (root: string, files: ReadonlyArray<string>): void => {
  const formatter = join(dirname(createRequire(import.meta.url).resolve("oxfmt/package.json")), "bin/oxfmt")
  const { status, stderr } = spawnSync(process.execPath, [formatter, ...files], { cwd: root, encoding: "utf8" })
  if (status !== 0) throw new Error(`oxfmt failed: ${stderr}`)
}

/** Writes the package and lists it where packages are listed; refuses, without a change, where it cannot. */
export const newAdapter = async (options: Options): Promise<Outcome> => {
  const { name, root } = options
  const refusal = refuseName(options)
  if (refusal !== undefined) return { refusal }
  const listed = listings(name).map((listing) => insertInto(root, listing))
  const broken = listed.find((edit) => typeof edit === "string")
  if (broken !== undefined) return { refusal: broken }
  const edits = [...packageFiles(options), ...listed.filter((edit) => typeof edit !== "string")]
  for (const { file, text } of edits) {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeFileSync(join(root, file), text)
  }
  const files = edits.map(({ file }) => file)
  format(
    root,
    files.filter((file) => /\.(?:ts|json)$/.test(file))
  )
  writeFileSync(join(root, `packages/${name}/src/index.ts`), "")
  link(options)
  const findings = [
    ...barrels(root, false),
    ...(await capabilityTables(root, false)),
    ...(await configurationSchema(root, false))
  ]
  return { written: [...files, `packages/${name}/src/index.ts`].toSorted(), findings }
}

const nextSteps = (name: string): string => {
  const namespace = namespaceOf(name)
  return `
Next:
1. npm install
   (records the package in package-lock.json)
2. node_modules/.bin/vitest run --project ${name}
   (red: each case says which function is not written)
3. packages/${name}/test/${namespace}Server.ts
   (let it behave as the server does, from the server's own documents)
4. packages/${name}/src/${namespace}.ts, src/internal/wire.ts, src/internal/reason.ts
   (write one function after the other; "Writing an adapter" in packages/core/README.md has the rules)
5. node tools/src/capabilityTable.ts and node tools/src/configurationSchema.ts
   (after each change of what the adapter declares, and of its options)
6. packages/${name}/README.md and the table of packages in README.md
7. npm run check
`
}

const main = async (): Promise<void> => {
  const { values } = parseArgs({ options: { name: { type: "string" }, root: { type: "string" } } })
  const { name, root = process.cwd() } = values
  if (name === undefined) throw new Error("say which backend: --name=acme")
  const outcome = await newAdapter({ name, root })
  if ("refusal" in outcome) throw new Error(outcome.refusal)
  for (const file of outcome.written) console.log(file)
  for (const { file, mend, problem } of outcome.findings) console.log(`${file}\n  ${problem}\n  mend: ${mend}`)
  console.log(nextSteps(name))
}

if (import.meta.main) {
  await main().catch((error: unknown) => {
    console.error(`new-adapter: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 1
  })
}
