/** Runs the command the way people do: in this process with a shell of the test's making, or as a process of its own. */
import { BaseFolder } from "@keyfold/core/Adapter"
import * as Arthur from "@keyfold/emulators/Arthur"
import * as FetchServer from "@keyfold/node/FetchServer"
import * as SqlJournal from "@keyfold/sql/SqlJournal"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { run } from "keyfold/Cli"
import { InputUnusable, type Output, OutputClosed, Shell } from "keyfold/Shell"
import { spawn, type ChildProcess } from "node:child_process"
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"

/** What one run left behind. */
export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** How a test's shell differs from a pipe in an empty environment. */
export interface Setting {
  readonly folder?: string
  readonly stdin?: string
  /** What a person types, line by line, where standard input is a terminal. */
  readonly typed?: ReadonlyArray<string>
  readonly terminal?: { readonly columns: number; readonly color?: boolean }
  readonly environment?: Readonly<Record<string, string>>
  /** Fails every write to standard output after so many. */
  readonly closeAfter?: number
}

const capture = (setting: Setting["terminal"], closeAfter = Number.POSITIVE_INFINITY) => {
  const written: Array<string> = []
  const output: Output = {
    isTerminal: setting !== undefined,
    color: setting?.color === true,
    columns: setting?.columns ?? 80,
    write: (text) =>
      Effect.suspend(() => {
        if (written.length >= closeAfter) return Effect.fail(new OutputClosed({ code: "EPIPE" }))
        written.push(text)
        return Effect.void
      })
  }
  return { output, text: () => written.join("") }
}

const noInput = Effect.fail(new InputUnusable({ problem: "nobody types here" }))

/** Makes a shell that remembers what was written. */
export const makeShell = (setting: Setting = {}) => {
  const stdout = capture(setting.terminal, setting.closeAfter)
  const stderr = capture(setting.terminal)
  const lines = [...(setting.typed ?? [])]
  const shell = Shell.of({
    stdin: {
      isTerminal: setting.typed !== undefined,
      readAll: Effect.succeed(setting.stdin ?? ""),
      readLine: () =>
        Effect.suspend(() => {
          const line = lines.shift()
          return line === undefined ? noInput : Effect.succeed(line)
        })
    },
    stdout: stdout.output,
    stderr: stderr.output,
    environment: setting.environment ?? {},
    folder: setting.folder ?? tmpdir(),
    command: "keyfold"
  })
  return { shell, stdout: stdout.text, stderr: stderr.text }
}

/** Runs arguments in this process. */
export const keyfold = Effect.fnUntraced(function* (args: ReadonlyArray<string>, setting: Setting = {}) {
  const { shell, stderr, stdout } = makeShell(setting)
  const code = yield* Effect.provideService(run(args), Shell, shell)
  const ran: Ran = { code, stdout: stdout(), stderr: stderr() }
  return ran
})

/** Runs arguments in this process until standard output holds `marker`, then gives what was written and interrupts. */
export const keyfoldUntil = Effect.fnUntraced(function* (
  args: ReadonlyArray<string>,
  marker: string,
  setting: Setting = {}
): Effect.fn.Return<string, never, Scope.Scope> {
  const { shell, stdout } = makeShell(setting)
  const fiber = yield* Effect.forkScoped(Effect.provideService(run(args), Shell, shell))
  while (!stdout().includes(marker)) {
    if (fiber.pollUnsafe() !== undefined) return yield* Effect.die(`ended early: ${stdout()}`)
    yield* Effect.sleep("10 millis")
  }
  return stdout()
})

/** A folder that goes with the scope. */
export const temporaryFolder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "keyfold-test-"))),
  (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
)

export const pepper = "a pepper for tests, long enough to be accepted"

/** A folder with a keyfold.yaml that names one embedded store, `local`. */
export const localStore = Effect.tap(temporaryFolder, (folder) =>
  Effect.promise(async () => {
    await mkdir(join(folder, "secrets"))
    await mkdir(join(folder, "data"))
    await writeFile(join(folder, "secrets", "pepper"), pepper, { mode: 0o600 })
    await writeFile(
      join(folder, "keyfold.yaml"),
      "stores:\n  local: { adapter: sql, url: 'sqlite:data/keyfold.db', pepper: { file: ./secrets/pepper } }\n"
    )
  })
)

/** Long enough for the journal to accept it. */
export const journalSecret = "a secret for the journals of tests, long enough to be accepted"

const journalFile = "data/journal.db"

/** Adds a journal to a folder with a keyfold.yaml. */
export const addJournal = (folder: string) =>
  Effect.promise(async () => {
    const path = join(folder, "keyfold.yaml")
    await writeFile(join(folder, "secrets", "journal"), journalSecret, { mode: 0o600 })
    await writeFile(
      path,
      `${await readFile(path, "utf8")}journal: { url: 'sqlite:${journalFile}', secret: { file: ./secrets/journal } }\n`
    )
  })

/** A folder with a keyfold.yaml that names one embedded store, `local`, and a journal. */
export const journaledStore = Effect.tap(localStore, addJournal)

/** Opens the journal of a folder as a program would that shares it with the command. */
export const openJournal = (folder: string) =>
  SqlJournal.make({ url: `sqlite:${journalFile}`, secret: Redacted.make(journalSecret) }).pipe(
    Effect.provideService(BaseFolder, folder)
  )

/** Changes the journal's database by hand. */
export const changeJournal = (folder: string, statement: string) =>
  Effect.sync(() => {
    const database = new DatabaseSync(join(folder, journalFile))
    database.exec(statement)
    database.close()
  })

/** Makes every create look like one whose process died before its delivery was confirmed, some time ago. */
export const undeliver = (folder: string) =>
  changeJournal(folder, "UPDATE keyfold_journal_operations SET state = 'minted', lease_until = 1")

/** Makes every lease run out, as if its time had passed. */
export const endLeases = (folder: string) =>
  changeJournal(folder, "UPDATE keyfold_journal_operations SET lease_until = 1")

/** An emulated Arthur on a socket, with everything a test may do to it. */
export const servedArthur = Effect.gen(function* () {
  const credential = Arthur.makeCredential()
  const emulator = Arthur.make({ credentials: [{ kind: "master", value: credential }] })
  const { url } = yield* FetchServer.serve({ fetch: emulator.fetch, port: 0 })
  const live = () =>
    emulator.keys().flatMap(({ id, origin, revoked }) => (origin === "created" && !revoked ? [id] : []))
  return { credential, emulator, live, url }
})

/** A folder whose default store, `guard`, is an emulated Arthur, with a journal. */
export const guardedFolder = Effect.gen(function* () {
  const arthur = yield* servedArthur
  const folder = yield* localStore
  const roles = "defaults: { scopes: [write] }, scopeMap: { write: [VALIDATION-USER] }"
  const guard = `guard: { adapter: arthur, baseUrl: '${arthur.url}', apiKey: { env: ARTHUR_API_KEY }, ${roles} }`
  yield* Effect.promise(() => writeFile(join(folder, "keyfold.yaml"), `stores:\n  ${guard}\n`))
  yield* addJournal(folder)
  return { ...arthur, folder, environment: { ARTHUR_API_KEY: arthur.credential } }
})

const entry = fileURLToPath(new URL("../src/bin.ts", import.meta.url))

interface ProcessOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string
  /** An open file for standard output; a pipe of its own when omitted. */
  readonly output?: number
}

const startFile = (file: string, args: ReadonlyArray<string>, { cwd, env, output }: ProcessOptions): ChildProcess =>
  spawn(process.execPath, ["--conditions=@keyfold/source", file, ...args], {
    cwd,
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["pipe", output ?? "pipe", "pipe"]
  })

/** Starts the command as a process of its own, from its sources. */
export const start = (args: ReadonlyArray<string>, options: ProcessOptions): ChildProcess =>
  startFile(entry, args, options)

/** Waits for a process and collects what it wrote. */
export const finish = (child: ChildProcess): Effect.Effect<Ran> =>
  Effect.callback((resume) => {
    let stdout = ""
    let stderr = ""
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text))
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text))
    child.on("close", (code, signal) => {
      resume(Effect.succeed({ code: code ?? (signal === null ? -1 : -2), stdout, stderr }))
    })
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** Runs a file as a process of its own. */
export const executeFile = (
  file: string,
  options: ProcessOptions,
  args: ReadonlyArray<string> = []
): Effect.Effect<Ran> =>
  Effect.suspend(() => {
    const child = startFile(file, args, options)
    child.stdin?.end(options.stdin ?? "")
    return finish(child)
  })

/** Runs the command as a process of its own. */
export const execute = (args: ReadonlyArray<string>, options: ProcessOptions): Effect.Effect<Ran> =>
  executeFile(entry, options, args)
