/**
 * Checks the code blocks of the documentation: `ts` against the sources, `yaml` and `json` by parsing, and by loading them
 * where they are configurations. A block that shows a file is compared with it; the tests' project compiles the file.
 */
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join, relative } from "node:path"
import { parseAllDocuments } from "yaml"
import { checkEmbedded } from "./embeddedExamples.ts"
import { documents, type Fence, fencesOf } from "./fences.ts"
import { report, type Finding } from "./finding.ts"

/** One mistake in a configuration; `line` counts from 1 within its text. */
export interface Mistake {
  readonly line: number
  readonly problem: string
}

/** Judges the text of a Keyfold configuration. */
export type ValidateConfiguration = (text: string) => Promise<ReadonlyArray<Mistake>>

/** What to check: the repository's root, and who judges the configurations in it. */
export interface Options {
  readonly root: string
  readonly validateConfiguration: ValidateConfiguration
}

const aliases = new Map(
  Object.entries({ typescript: "ts", tsx: "ts", js: "ts", javascript: "ts", mjs: "ts", yml: "yaml", jsonc: "json" })
)

const finding = ({ file }: Fence, line: number, problem: string): Finding => ({
  file: `${file}:${line}`,
  problem,
  mend: "change the example so that it works as printed"
})

const message = (error: unknown): string =>
  error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error)

const isConfiguration = (value: unknown): boolean => typeof value === "object" && value !== null && "stores" in value

const judge = async (fence: Fence, validate: ValidateConfiguration): Promise<ReadonlyArray<Finding>> =>
  (await validate(fence.text)).map(({ line, problem }) => finding(fence, fence.line + line - 1, problem))

const checkJson = async (fence: Fence, validate: ValidateConfiguration): Promise<ReadonlyArray<Finding>> => {
  try {
    const value: unknown = JSON.parse(fence.text)
    return isConfiguration(value) ? await judge(fence, validate) : []
  } catch (error) {
    return [finding(fence, fence.line, message(error))]
  }
}

const checkYaml = async (fence: Fence, validate: ValidateConfiguration): Promise<ReadonlyArray<Finding>> => {
  const parsed = parseAllDocuments(fence.text)
  const errors = parsed.flatMap((document) =>
    document.errors.map((error) => finding(fence, fence.line + (error.linePos?.[0].line ?? 1) - 1, message(error)))
  )
  if (errors.length > 0) return errors
  return parsed.some((document) => isConfiguration(document.toJS())) ? judge(fence, validate) : []
}

const checkAlias = (fence: Fence): ReadonlyArray<Finding> => {
  const name = aliases.get(fence.language)
  const problem = `is marked ${fence.language}, which is not checked`
  return name === undefined ? [] : [{ file: `${fence.file}:${fence.line - 1}`, problem, mend: `mark it ${name}` }]
}

/** The compiler options of an example: the repository's own, without the complaints about names nobody uses. */
const project = (root: string, folder: string, files: ReadonlyArray<string>) => ({
  extends: relative(folder, join(root, "tsconfig.base.json")),
  compilerOptions: {
    types: ["node"],
    noEmit: true,
    composite: false,
    incremental: true,
    tsBuildInfoFile: "examples.tsbuildinfo",
    declarationMap: false,
    sourceMap: false,
    moduleDetection: "force",
    noUnusedLocals: false,
    noUnusedParameters: false,
    rewriteRelativeImportExtensions: false,
    allowImportingTsExtensions: true,
    rootDir: relative(folder, root)
  },
  files
})

const compile = (folder: string): { readonly failed: boolean; readonly output: string } => {
  const tsc = createRequire(import.meta.url)
    .resolve("typescript/package.json")
    .replace("package.json", "bin/tsc")
  const { status, stderr, stdout } = spawnSync(process.execPath, [tsc, "-p", ".", "--pretty", "false"], {
    cwd: folder,
    encoding: "utf8"
  })
  return { failed: status !== 0, output: stdout + stderr }
}

/** Each example becomes a file whose lines are those of its README, so that the compiler's lines need no translation. */
const writeProject = (root: string, folder: string, fences: ReadonlyArray<Fence>): ReadonlyMap<string, Fence> => {
  const files = new Map(
    fences.map((fence) => [`${fence.file.replaceAll(/\W/g, "_")}_${fence.line}.ts`, fence] as const)
  )
  for (const [name, { line, text }] of files) writeFileSync(join(folder, name), "\n".repeat(line - 1) + text)
  writeFileSync(join(folder, "package.json"), `{ "type": "module" }`)
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(project(root, folder, [...files.keys()])))
  return files
}

const checkTypes = (root: string, fences: ReadonlyArray<Fence>): ReadonlyArray<Finding> => {
  if (fences.length === 0) return []
  mkdirSync(join(root, "node_modules/.cache"), { recursive: true })
  const folder = mkdtempSync(join(root, "node_modules/.cache/examples-"))
  try {
    const files = writeProject(root, folder, fences)
    const { failed, output } = compile(folder)
    const findings = [...output.matchAll(/^([^(\n]+)\((\d+),\d+\): error (TS\d+: [^]*?)(?=\n\S|\s*$(?![^]))/gm)].map(
      ([, path = "", line = "", problem = ""]): Finding => {
        const fence = files.get(path)
        return fence === undefined
          ? { file: relative(root, join(folder, path)), problem, mend: "mend this source first; the examples use it" }
          : finding(fence, Number(line), problem)
      }
    )
    return failed && findings.length === 0
      ? [{ file: dirname(relative(root, folder)), problem: output, mend: "the compiler did not run: see its message" }]
      : findings
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Checks every code block of the root's Markdown files, of the packages' READMEs and of `docs/`. */
export const checkExamples = async ({ root, validateConfiguration }: Options): Promise<ReadonlyArray<Finding>> => {
  const fences = documents(root).flatMap((path) => fencesOf(path, readFileSync(join(root, path), "utf8")))
  const marked = (language: string) => fences.filter((fence) => fence.language === language)
  const configurations = [
    ...marked("json").map((fence) => checkJson(fence, validateConfiguration)),
    ...marked("yaml").map((fence) => checkYaml(fence, validateConfiguration))
  ]
  return [
    ...fences.flatMap(checkAlias),
    ...checkEmbedded(root),
    ...(await Promise.all(configurations)).flat(),
    ...checkTypes(
      root,
      marked("ts").filter(({ example }) => example === undefined)
    )
  ]
}

if (import.meta.main) {
  const root = process.cwd()
  const { configurationJudge } = await import("./configurations.ts")
  report("examples", await checkExamples({ root, validateConfiguration: await configurationJudge(root) }))
}
