/** A throwaway PostgreSQL on a free port of the loopback interface; its end is tied to this process's. */
import { execFile, execFileSync, spawn, type ChildProcess } from "node:child_process"
import { chownSync, existsSync, mkdtempSync, readdirSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { promisify } from "node:util"

const run = promisify(execFile)

const debian = "/usr/lib/postgresql"

const asked = (program: string, ...args: ReadonlyArray<string>): string | undefined => {
  try {
    return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim()
  } catch {
    return undefined
  }
}

const binaries = (): string | undefined => {
  const versions = existsSync(debian)
    ? readdirSync(debian).toSorted((left, right) => Number.parseFloat(right) - Number.parseFloat(left))
    : []
  const folders = [
    ...versions.map((version) => join(debian, version, "bin")),
    ...(process.env["PATH"] ?? "").split(delimiter)
  ]
  return folders.find((folder) => ["initdb", "postgres", "psql"].every((name) => existsSync(join(folder, name))))
}

const isRoot = process.getuid?.() === 0

// PostgreSQL refuses to run as root.
const account = (): number | undefined => {
  const id = asked("id", "-u", "postgres")
  return id === undefined ? undefined : Number(id)
}

const freePort = () =>
  new Promise<number>((resolve, reject) => {
    const server = createServer().on("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" ? (address?.port ?? 0) : 0))
    })
  })

// The end of its input stops the server, so that it also ends with a parent that was killed.
const script = `
  begin() {
    "$1/postgres" -D "$2/data" -p "$3" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \\
      -c max_connections=600 -c fsync="$4" -c log_min_messages=log -c log_min_error_statement=panic -c lc_messages=C \\
      </dev/null &
    server=$!
  }
  begin "$@"
  while read -r word; do
    if [ "$word" = up ]; then begin "$@"; else kill -QUIT "$server"; wait "$server"; fi
  done
  kill -QUIT "$server"
  wait "$server"
  rm -rf "$2"
`

/** A running PostgreSQL. */
export interface Postgres {
  readonly version: string
  /** Makes an empty database and gives its URL. */
  readonly database: (name: string) => Promise<string>
  /** The URL of a database, whether it is there or not. */
  readonly urlOf: (name: string) => string
  /** The rows of a query, their columns apart by tabs. */
  readonly query: (url: string, sql: string) => Promise<ReadonlyArray<ReadonlyArray<string>>>
  /** Ends the server as a crash would, until it is told to come up again with what was committed. */
  readonly down: () => void
  readonly up: () => void
  readonly stop: () => Promise<void>
}

const started = (child: ChildProcess) =>
  new Promise<void>((resolve, reject) => {
    let log = ""
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      log = (log + text).slice(-4_000)
      if (log.includes("ready to accept connections")) resolve()
    })
    child.once("exit", () => reject(new Error(`PostgreSQL does not start: ${log}`)))
    child.once("error", reject)
  })

const asServer = (program: string, ...args: ReadonlyArray<string>): readonly [string, ReadonlyArray<string>] =>
  isRoot ? ["runuser", ["-u", "postgres", "--", program, ...args]] : [program, args]

const clientOf = (
  folder: string,
  port: number,
  version: string,
  controls: Pick<Postgres, "down" | "up" | "stop">
): Postgres => {
  const urlOf = (name: string) => `postgres://postgres@127.0.0.1:${port}/${name}`
  const query: Postgres["query"] = async (url, sql) => {
    const { stdout } = await run(join(folder, "psql"), ["-X", "-A", "-t", "-F", "\t", "-c", sql, url], {
      maxBuffer: 64 * 1024 * 1024
    })
    return stdout.split("\n").flatMap((line) => (line === "" ? [] : [line.split("\t")]))
  }
  return {
    version,
    query,
    urlOf,
    ...controls,
    database: async (name) => {
      await query(urlOf("postgres"), `CREATE DATABASE "${name}"`)
      return urlOf(name)
    }
  }
}

/**
 * Starts one; undefined where this machine has no PostgreSQL, or no account it may run as. Only a `durable` one writes
 * what was committed to the disk before it says so.
 */
export const startPostgres = async ({ durable = false } = {}): Promise<Postgres | undefined> => {
  const folder = binaries()
  const user = isRoot ? account() : undefined
  if (folder === undefined || (isRoot && user === undefined)) return undefined
  const home = mkdtempSync(join(tmpdir(), "keyfold-chaos-postgres-"))
  if (user !== undefined) chownSync(home, user, -1)
  const options = ["-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"]
  const [initialise, initialiseArgs] = asServer(join(folder, "initdb"), "-D", join(home, "data"), ...options)
  await run(initialise, initialiseArgs, { cwd: home })
  const port = await freePort()
  const [program, args] = asServer("sh", "-c", script, "postgres", folder, home, String(port), durable ? "on" : "off")
  const child = spawn(program, args, { cwd: home, stdio: ["pipe", "ignore", "pipe"] })
  await started(child)
  const version = asked(join(folder, "postgres"), "--version") ?? "PostgreSQL"
  const stop = () =>
    new Promise<void>((resolve) => {
      child.once("exit", () => resolve())
      child.stdin.end()
    })
  const tell = (word: "down" | "up") => () => void child.stdin.write(`${word}\n`)
  return clientOf(folder, port, version, { down: tell("down"), up: tell("up"), stop })
}
