/** The command over every backend, with marked secrets in files, in this process and as one of its own. */
import type { Records } from "@keyfold/canary/Canary"
import { processes } from "@keyfold/canary/Places"
import * as Effect from "effect/Effect"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { backends, type AnyEmulator } from "./CanaryBackends.ts"
import { given, type Canaries } from "./CanaryPlants.ts"
import { finish, keyfold, start, temporaryFolder, type Ran } from "./Keyfold.ts"

/** A folder with every store, and the secrets beside it. */
export interface Workshop {
  readonly root: string
  readonly folder: string
  readonly emulators: ReadonlyMap<string, AnyEmulator>
  readonly values: () => Records
}

const reference = (name: keyof typeof given) => `{ file: ../secrets/${name} }`

const configuration = (address: (name: string) => string) => `default: local
journal: { url: "sqlite:data/journal.db", secret: ${reference("journalSecret")} }
rotations: { pollInterval: 50 millis, sinks: { plain: { file: targets/plain.key } } }
stores:
  local:
    adapter: sql
    url: "sqlite:data/keys.db"
    pepper: ${reference("pepper")}
    cursorSecret: ${reference("cursorSecret")}
    labelSecret: ${reference("labelSecret")}
  monitoring:
    adapter: whylabs
    organization: org-7Kd3mQ
    baseUrl: ${address("whylabs v0")}
    apiKey: ${reference("whylabsSystem")}
    defaults: { owner: user-123 }
  administered: { adapter: whylabs, dialect: v1, baseUrl: ${address("whylabs v1")}, apiKey: ${reference("whylabsCaller")} }
  guard: { adapter: arthur, baseUrl: ${address("arthur")}, apiKey: ${reference("arthurMaster")} }
  agents:
    adapter: occam
    baseUrl: ${address("occam by a key")}
    apiKey: { command: [cat, ../secrets/occamKey] }
    verifyByTokenExchange: true
  people:
    adapter: occam
    baseUrl: ${address("occam by a password")}
    username: ann@example.com
    password: ${reference("occamPassword")}
`

const quoted = (text: string) => JSON.stringify(text)

/** Configurations in which somebody wrote secrets themselves, where references and addresses belong. */
const literals: Readonly<Record<string, string>> = {
  "everywhere.yaml": `journal: { url: ${quoted(`postgres://a:${given.proxyPassword}@h/d`)}, secret: ${quoted(given.journalSecret)} }
stores:
  local: { adapter: sql, url: ${quoted(given.proxyPassword)}, pepper: ${quoted(given.pepper)}, labelSecret: ${quoted(given.labelSecret)} }
  monitoring: { adapter: whylabs, apiKey: ${quoted(given.whylabsSystem)}, cursorSecret: { value: ${quoted(given.cursorSecret)} } }
  guard: { adapter: arthur, baseUrl: ${quoted(`http://ann:${given.arthurMaster}@h`)}, apiKey: { env: ${quoted(given.arthurMaster)} } }
  agents: { adapter: occam, apiKey: { file: ${quoted(given.occamKey)}, command: [${quoted(given.occamKey)}] } }
  people: { adapter: occam, username: ann, password: [${quoted(given.occamPassword)}], proxy: ${quoted(`http://a:${given.proxyPassword}@p`)} }
`,
  "broken.yaml": `stores:\n  local: { adapter: sql, pepper: ${given.occamKey}\n  : : [${given.whylabsCaller}\n`,
  "address.yaml": `stores:\n  guard: { adapter: arthur, baseUrl: ${quoted(`http://127.0.0.1:1/?key=${encodeURIComponent(given.arthurMaster)}`)}, apiKey: { command: ["false", ${quoted(given.arthurMaster)}] } }\n`,
  "plain.json": quoted(given.pepper)
}

export const literalNames: ReadonlyArray<string> = Object.keys(literals)

export const workshop = Effect.fnUntraced(function* (canaries: Canaries) {
  const root = yield* temporaryFolder
  const folder = join(root, "work")
  for (const name of ["secrets", "work/data", "work/targets", "work/witnesses", "tmp", "literal"]) {
    mkdirSync(join(root, name), { recursive: true })
  }
  for (const [name, secret] of Object.entries(given))
    writeFileSync(join(root, "secrets", name), secret, { mode: 0o600 })
  for (const [name, text] of Object.entries(literals)) writeFileSync(join(root, "literal", name), text)
  const worlds = yield* Effect.forEach(backends, (backend) =>
    Effect.map(backend.world(root, canaries), (world) => [backend.name, world] as const)
  )
  const found = new Map(worlds)
  writeFileSync(
    join(folder, "keyfold.yaml"),
    configuration((name) => found.get(name)?.baseUrl ?? "")
  )
  const shop: Workshop = {
    root,
    folder,
    emulators: new Map(
      worlds.flatMap(([name, { emulator }]) => (emulator === undefined ? [] : [[name, emulator] as const]))
    ),
    values: () => worlds.flatMap(([name, world]) => world.values().map(([where, value]) => [`${name} ${where}`, value]))
  }
  return shop
})

/** What is kept of a run: everything but the one place where a secret is meant to be. */
export const recordsOf = (args: ReadonlyArray<string>, { stderr, stdout }: Ran, isHandedOver: boolean): Records => {
  const title = `keyfold ${args.slice(0, 4).join(" ")}`
  return [
    [`${title}: stderr`, stderr],
    [`${title}: stdout`, isHandedOver ? "" : stdout]
  ]
}

/** Runs the command in this process, in every format of its output. */
export const inEveryFormat = Effect.fnUntraced(function* (
  { folder }: Workshop,
  args: ReadonlyArray<string>,
  stdin = ""
) {
  const records: Records = []
  for (const [format, terminal] of [
    [[], undefined],
    [["--json"], undefined],
    [[], { columns: 80, color: true }]
  ] as const) {
    const all = [...args, ...format]
    const ran = yield* keyfold(all, { folder, stdin, ...(terminal === undefined ? {} : { terminal }) })
    records.push(...recordsOf(all, ran, false))
  }
  return records
})

/** How often a running process is looked at, in milliseconds. */
const interval = 15

/** Runs the command as a process of its own, looked at all the while together with what it starts. */
export const observed = Effect.fnUntraced(function* (
  { folder, root }: Workshop,
  args: ReadonlyArray<string>,
  options: { readonly stdin?: string; readonly env?: Readonly<Record<string, string>> } = {}
) {
  const seen = new Map<string, readonly [where: string, value: unknown]>()
  const child = start(args, { cwd: folder, env: { TMPDIR: join(root, "tmp"), ...options.env } })
  const look = () => {
    for (const [where, value] of processes(child.pid ?? 0)) {
      const [part = ""] = where.split(" of process ")
      if (part !== "status") seen.set(`${part} ${String(value)}`, [`${part} of keyfold or its child`, value])
    }
  }
  look()
  const timer = setInterval(look, interval)
  child.stdin?.end(options.stdin ?? "")
  const ran = yield* Effect.ensuring(
    finish(child),
    Effect.sync(() => clearInterval(timer))
  )
  return { ran, seen: [...seen.values()] }
})
