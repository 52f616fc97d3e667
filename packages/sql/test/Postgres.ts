/**
 * A throwaway PostgreSQL cluster for the tests of one file: in a temporary folder, on a free port of the loopback
 * interface, stopped and removed when the file is done or its process dies.
 */
import { afterAll, beforeAll } from "@effect/vitest"
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { execFile, execFileSync, spawn } from "node:child_process"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"
import { promisify } from "node:util"

const installed = "/usr/lib/postgresql"

const output = (program: string, ...args: ReadonlyArray<string>): string | undefined => {
  try {
    return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim()
  } catch {
    return undefined
  }
}

const versions = (): ReadonlyArray<string> =>
  Fs.existsSync(installed)
    ? Fs.readdirSync(installed).toSorted((left, right) => Number.parseFloat(right) - Number.parseFloat(left))
    : []

const findBinaries = (): string | undefined =>
  [
    ...versions().map((version) => Path.join(installed, version, "bin")),
    output("pg_config", "--bindir") ?? "",
    ...(process.env["PATH"] ?? "").split(Path.delimiter)
  ].find((folder) => folder !== "" && ["initdb", "postgres"].every((name) => Fs.existsSync(Path.join(folder, name))))

const isRoot = process.getuid?.() === 0

// PostgreSQL refuses to run as root.
const account = isRoot ? output("id", "-u", "postgres") : undefined

const binaries = findBinaries()

const findProblem = (): string | undefined => {
  if (binaries === undefined) return "no initdb and postgres in /usr/lib/postgresql, pg_config --bindir or PATH"
  if (isRoot && account === undefined) return "this is root, and there is no user postgres to run the server as"
  if (isRoot && output("runuser", "--version") === undefined) return "this is root, and there is no runuser"
  return undefined
}

/** Why there is no PostgreSQL here; undefined where there is one. */
export const problem = findProblem()

if (problem !== undefined) console.warn(`SKIPPED: every test on PostgreSQL (${problem})`)

const asServer = (program: string, ...args: ReadonlyArray<string>): readonly [string, ReadonlyArray<string>] =>
  isRoot ? ["runuser", ["-u", "postgres", "--", program, ...args]] : [program, args]

const freePort = () =>
  new Promise<number>((resolve, reject) => {
    const server = Net.createServer().on("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" ? (address?.port ?? 0) : 0))
    })
  })

// The end of its input is what stops the server, so that it also ends with a test process that was killed.
const script = `
  trap "" INT HUP
  "$1/postgres" -D "$2/data" -p "$3" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off \\
    -c full_page_writes=off -c synchronous_commit=off -c log_min_messages=log -c log_min_error_statement=panic \\
    -c lc_messages=C -c max_connections=200 </dev/null &
  cat >/dev/null
  kill -QUIT $!
  wait $!
  rm -rf "$2"
`

const initialisation = ["-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8", "-D"]

const start = async () => {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "keyfold-postgres-"))
  if (account !== undefined) Fs.chownSync(folder, Number(account), -1)
  const [initdb, settings] = asServer(Path.join(binaries ?? "", "initdb"), ...initialisation, Path.join(folder, "data"))
  await promisify(execFile)(initdb, settings, { cwd: folder })
  const hba = Path.join(folder, "data", "pg_hba.conf")
  // Everybody is trusted but one user, for the tests that need a password.
  Fs.writeFileSync(hba, `host all locked 127.0.0.1/32 scram-sha-256\n${Fs.readFileSync(hba, "utf8")}`)
  const port = await freePort()
  const [program, args] = asServer("sh", "-c", script, "postgres", binaries ?? "", folder, String(port))
  const child = spawn(program, args, { cwd: folder, stdio: ["pipe", "ignore", "pipe"] })
  const closed = new Promise<void>((resolve) => void child.on("close", () => resolve()))
  const stop = () => {
    child.stdin.end()
    return closed
  }
  await new Promise<void>((resolve, reject) => {
    let log = ""
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      log = (log + text).slice(-4000)
      if (log.includes("ready to accept connections")) resolve()
      if (/FATAL|PANIC/.test(text)) reject(new Error(`PostgreSQL does not start: ${log}`))
    })
    child.on("error", reject)
    void closed.then(() => reject(new Error(`PostgreSQL does not start: ${log}`)))
  }).catch(async (error: unknown) => {
    await stop()
    throw error
  })
  return { port, stop }
}

const firstOf = async (attempts: number): Promise<Awaited<ReturnType<typeof start>>> => {
  try {
    return await start()
  } catch (error) {
    // Somebody else may have taken the port that was free a moment ago.
    if (attempts <= 1) throw error
    return firstOf(attempts - 1)
  }
}

/** Starts a cluster before the tests of the block this is called in; each `database` is a new, empty one, by its url. */
export const usePostgres = (): { readonly database: Effect.Effect<string> } => {
  let cluster: Awaited<ReturnType<typeof start>> | undefined
  let count = 0
  beforeAll(async () => {
    cluster = await firstOf(3)
  }, 120_000)
  afterAll(() => cluster?.stop(), 60_000)
  const urlOf = (name: string) => `postgres://postgres@127.0.0.1:${cluster?.port ?? 0}/${name}`
  const create = Effect.gen(function* () {
    count += 1
    const name = `test_${count}`
    const sql = yield* PgClient.PgClient
    yield* sql`CREATE DATABASE ${sql(name)}`
    return urlOf(name)
  })
  return {
    database: Effect.suspend(() =>
      Effect.provide(create, PgClient.layer({ url: Redacted.make(urlOf("postgres")), maxConnections: 1 }))
    ).pipe(Effect.orDie)
  }
}
