/**
 * Proves what a user gets: packs every package, installs the tarballs in an empty project together with a third-party
 * adapter, imports and type-checks everything without the repository's own export condition, and runs the command.
 */
import { spawnSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { publint } from "publint"
import { formatMessage } from "publint/utils"
import { report, type Finding } from "./finding.ts"
import { flatNames, moduleNames, readJson, readWorkspace, type Manifest, type Package } from "./workspace.ts"

/** One package and its tarball. */
interface Packed {
  readonly entry: Package
  readonly tarball: string
}

/** The empty project the tarballs are installed in. */
interface Consumer {
  readonly root: string
  readonly folder: string
  readonly packed: ReadonlyArray<Packed>
}

interface Outcome {
  readonly ok: boolean
  readonly stdout: string
  readonly output: string
}

const fixtures = join(import.meta.dirname, "../fixtures")
const example = "keyfold-adapter-example"
const bundler = join(import.meta.dirname, "build/commandBundle.ts")
const tsc = createRequire(import.meta.url)
  .resolve("typescript/package.json")
  .replace("package.json", "bin/tsc")

/**
 * Runs a program as a user's shell would: this node first on PATH, none of the repository's settings. The machine's own
 * certificates stay, for registries behind a proxy.
 */
const run = (cwd: string, program: string, ...args: ReadonlyArray<string>): Outcome => {
  const path = `${dirname(process.execPath)}${delimiter}${process.env["PATH"] ?? ""}`
  const env = Object.entries(process.env).filter(
    ([name]) => !/^(?:NODE_(?!EXTRA_CA_CERTS)|VITEST|npm_(?:package|lifecycle)_|INIT_CWD)/.test(name)
  )
  const result = spawnSync(program, args, {
    cwd,
    encoding: "utf8",
    env: { ...Object.fromEntries(env), PATH: path, NO_COLOR: "1" },
    timeout: 120_000,
    maxBuffer: 64 * 1024 * 1024
  })
  const output = [result.stdout, result.stderr, result.error?.message].filter(Boolean).join("\n").trim()
  return { ok: result.status === 0, stdout: result.stdout ?? "", output }
}

const node = (cwd: string, ...args: ReadonlyArray<string>): Outcome => run(cwd, process.execPath, ...args)

const expectRun = (file: string, mend: string, { ok, output }: Outcome): ReadonlyArray<Finding> =>
  ok ? [] : [{ file, problem: output, mend }]

const build = (root: string, packages: ReadonlyArray<Package>): ReadonlyArray<Finding> => {
  const compiled = expectRun(
    "tsc -b",
    "make the sources compile",
    node(root, tsc, "-b", ...packages.map(({ folder }) => folder))
  )
  if (compiled.length > 0) return compiled
  return packages
    .filter(({ name }) => name === "keyfold")
    .flatMap(({ folder }) =>
      expectRun("tools/src/build/commandBundle.ts", "make the command bundle", node(join(root, folder), bundler))
    )
}

/** Packs the public packages into `folder`. Lifecycle scripts stay off, so that no other test loses its `dist`. */
const pack = (root: string, folder: string, packages: ReadonlyArray<Package>): ReadonlyArray<Packed> => {
  const paths = packages.map((entry) => `./${entry.folder}`)
  const { ok, output, stdout } = run(
    root,
    "npm",
    "pack",
    ...paths,
    "--json",
    "--ignore-scripts",
    "--pack-destination",
    folder
  )
  if (!ok) throw new Error(`npm pack failed: ${output}`)
  const packed: ReadonlyArray<{ readonly name: string; readonly filename: string }> = JSON.parse(stdout)
  return packages.map((entry) => {
    const filename = packed.find(({ name }) => name === entry.name)?.filename
    if (filename === undefined) throw new Error(`npm pack made no tarball of ${entry.name}`)
    return { entry, tarball: join(folder, filename) }
  })
}

const lintPacked = async ({ entry, tarball }: Packed): Promise<ReadonlyArray<Finding>> => {
  const bytes = new Uint8Array(readFileSync(tarball))
  const { messages, pkg } = await publint({ level: "warning", pack: { tarball: bytes.buffer } })
  return messages.map((message) => ({
    file: `${entry.folder}/package.json`,
    problem: `publint: ${formatMessage(message, pkg, { color: false }) ?? message.code}`,
    mend: "change what is packed until publint is content"
  }))
}

const install = (folder: string, ...specifiers: ReadonlyArray<string>): ReadonlyArray<Finding> =>
  expectRun(
    "npm install",
    "make the packed dependencies and peers installable together",
    run(folder, "npm", "install", "--no-audit", "--no-fund", "--prefer-offline", "--ignore-scripts", ...specifiers)
  )

const installed = (root: string, name: string): string => {
  const { version } = readJson<Manifest>(join(root, "node_modules", name, "package.json"))
  return `${name}@${version}`
}

interface PeerManifest extends Manifest {
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>
}

/** Names what the packages want beside them, and what that wants in turn, as far as the repository has it installed. */
const peersOf = (root: string, manifests: ReadonlyArray<PeerManifest>): ReadonlyArray<string> => {
  const found = new Set<string>()
  const visit = ({ peerDependencies = {}, peerDependenciesMeta = {} }: PeerManifest): void => {
    for (const name of Object.keys(peerDependencies)) {
      const manifest = readJson<PeerManifest>(join(root, "node_modules", name, "package.json"))
      const isOurs = manifests.some((own) => own.name === name)
      if (isOurs || found.has(name) || manifest.version === undefined) continue
      if (peerDependenciesMeta[name]?.optional === true) continue
      found.add(name)
      visit(manifest)
    }
  }
  for (const manifest of manifests) visit(manifest)
  return [...found]
}

/** Installs the tarballs, with the versions of their peers that `npm ci` has brought and cached already. */
const installPacked = ({ folder, packed, root }: Consumer): ReadonlyArray<Finding> => {
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }))
  const peers = peersOf(
    root,
    packed.map(({ entry }) => entry.manifest)
  )
  return install(
    folder,
    ...new Set(["effect", "@types/node", ...peers].map((name) => installed(root, name))),
    ...packed.map(({ tarball }) => tarball)
  )
}

const compilerOptions = {
  target: "ES2023",
  lib: ["ES2023", "ESNext.Disposable", "DOM", "DOM.Iterable", "DOM.AsyncIterable"],
  module: "NodeNext",
  moduleResolution: "NodeNext",
  types: ["node"],
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: true
}

const compile = (folder: string, options: object, files: ReadonlyArray<string>): ReadonlyArray<Finding> => {
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ compilerOptions: { ...compilerOptions, ...options }, files })
  )
  return expectRun(files.join(", "), "mend the published types", node(folder, tsc, "-p", ".", "--pretty", "false"))
}

/** Builds the third-party adapter against the installed packages, packs it and installs it like any other. */
const installThirdParty = ({ folder }: Consumer): ReadonlyArray<Finding> => {
  const source = join(folder, "third-party")
  cpSync(join(fixtures, "thirdPartyAdapter"), source, { recursive: true })
  const findings = compile(source, { declaration: true }, ["index.ts"])
  if (findings.length > 0) return findings
  const { ok, output, stdout } = run(source, "npm", "pack", "--json", "--pack-destination", folder)
  if (!ok) return [{ file: example, problem: output, mend: "make npm pack work" }]
  const [tarball]: ReadonlyArray<{ readonly filename: string }> = JSON.parse(stdout)
  return install(folder, `./${tarball?.filename}`)
}

const modulesOf = (entry: Package): ReadonlyArray<string> => [
  entry.name,
  ...[...moduleNames(entry.files, entry.folder), ...flatNames(entry)].map((module) => `${entry.name}/${module}`)
]

const internalsOf = ({ files, folder, name }: Package): ReadonlyArray<string> =>
  files
    .filter((path) => path.startsWith(`${folder}/src/internal/`))
    .map((path) => `${name}/${path.slice(`${folder}/src/`.length).replace(/\.ts$/, "")}`)

/** Imports every public module by plain node, and expects every internal one to be closed. */
const importEverything = ({ folder, packed }: Consumer): ReadonlyArray<Finding> => {
  const open = packed.flatMap(({ entry }) => modulesOf(entry))
  const closed = packed.flatMap(({ entry }) => internalsOf(entry))
  writeFileSync(
    join(folder, "imports.mjs"),
    `const findings = []
for (const name of ${JSON.stringify(open)}) {
  const problem = await import(name).then(() => undefined, (error) => String(error))
  if (problem) findings.push({ file: name, problem, mend: "make it importable by plain node from its dist" })
}
for (const name of ${JSON.stringify(closed)}) {
  const isOpen = await import(name).then(() => true, (error) => error.code !== "ERR_PACKAGE_PATH_NOT_EXPORTED")
  if (isOpen) findings.push({ file: name, problem: "is importable", mend: "keep ./internal/* closed in the export map" })
}
console.log(JSON.stringify(findings))
`
  )
  const { ok, output, stdout } = node(folder, "imports.mjs")
  return ok ? JSON.parse(stdout) : [{ file: "imports", problem: output, mend: "make the packages importable" }]
}

/** Type-checks a program that uses every module, and runs one on the third-party adapter. */
const useEverything = ({ folder, packed }: Consumer): ReadonlyArray<Finding> => {
  const modules = packed.flatMap(({ entry }) => modulesOf(entry))
  const lines = modules.map((name, index) => `import * as M${index} from "${name}"\n`)
  const list = modules.map((_, index) => `M${index}`).join(", ")
  writeFileSync(
    join(folder, "everything.ts"),
    `${lines.join("")}export const everything: ReadonlyArray<object> = [${list}]\n`
  )
  cpSync(join(fixtures, "consumer.ts.txt"), join(folder, "consumer.ts"))
  const findings = compile(folder, { noEmit: true, skipLibCheck: false }, ["everything.ts", "consumer.ts"])
  const { output, stdout } = node(folder, "consumer.ts")
  return stdout === "packed third-1 revoked\n"
    ? findings
    : [...findings, { file: "tools/fixtures/consumer.ts.txt", problem: output, mend: "make the packed packages run" }]
}

/** Does something while nothing can load the installed effect. */
const withoutEffect = <A>(folder: string, run: () => A): A => {
  const installed = join(folder, "node_modules/effect")
  const aside = join(folder, "node_modules/.effect")
  renameSync(installed, aside)
  try {
    return run()
  } finally {
    renameSync(aside, installed)
  }
}

/** Runs the installed command; a `keyfold` package that declares no command yet has nothing to run. */
const runCommand = ({ folder, packed }: Consumer): ReadonlyArray<Finding> => {
  const manifest = packed.find(({ entry }) => entry.name === "keyfold")?.entry.manifest
  if (manifest?.bin?.["keyfold"] === undefined) return []
  const command = join(folder, "node_modules/.bin/keyfold")
  writeFileSync(join(folder, "keyfold.yaml"), `stores:\n  example: { adapter: ${example}, prefix: third }\n`)
  writeFileSync(join(folder, "own.yaml"), "stores: { own: { adapter: occam, apiKey: { env: OCCAM } } }\n")
  const version = run(folder, command, "--version")
  const bundled = withoutEffect(folder, () => run(folder, command, "stores", "--config", "own.yaml", "--json"))
  const capabilities = run(folder, command, "capabilities", "--store", "example", "--json")
  return [
    ...expectRun("keyfold --version", "make the installed command start", version),
    ...(version.stdout.includes(manifest.version ?? "?")
      ? []
      : [{ file: "keyfold --version", problem: `printed ${version.output}`, mend: `print ${manifest.version}` }]),
    ...expectRun("keyfold stores", "run the bundle where the configuration names only adapters of keyfold's", bundled),
    ...expectRun("keyfold capabilities", "load adapters from the configuration file's folder", capabilities),
    ...(isJson(capabilities.stdout)
      ? []
      : [{ file: "keyfold capabilities", problem: "printed no JSON on stdout", mend: "print only JSON with --json" }])
  ]
}

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const steps = [installPacked, importEverything, installThirdParty, useEverything, runCommand]

/** Builds, packs, lints, installs and uses every public package; the first step with a finding is the last one run. */
export const packedInstall = async (root: string): Promise<ReadonlyArray<Finding>> => {
  const packages = readWorkspace(root).packages.filter(({ manifest }) => manifest.private !== true)
  const built = build(root, packages)
  if (built.length > 0) return built
  const temporary = mkdtempSync(join(tmpdir(), "keyfold-packed-"))
  try {
    const folder = join(temporary, "consumer")
    mkdirSync(folder)
    const packed = pack(root, temporary, packages)
    const linted = (await Promise.all(packed.map(lintPacked))).flat()
    return steps.reduce<ReadonlyArray<Finding>>(
      (findings, step) => (findings.length > 0 ? findings : step({ root, folder, packed })),
      linted
    )
  } finally {
    if (existsSync(temporary)) rmSync(temporary, { recursive: true, force: true })
  }
}

if (import.meta.main) report("packed install", await packedInstall(process.cwd()))
