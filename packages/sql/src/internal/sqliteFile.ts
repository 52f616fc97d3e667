/** Opens a SQLite file, or says in one sentence why it cannot be opened and how to mend it. */
import * as ConfigurationError from "@keyfold/core/ConfigurationError"
import * as Predicate from "effect/Predicate"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { pathToFileURL } from "node:url"

/** The name SQLite gives a database that lives in memory only. */
export const memory = ":memory:"

/** What is needed to open one database. */
export interface Request {
  /** The name as the user wrote it; messages repeat this and never the resolved path. */
  readonly filename: string
  /** The folder a relative name starts from. */
  readonly folder: string | undefined
  readonly busyTimeoutMillis: number
  /** `inspect` reads without changing a byte; ask `inspectable` first. */
  readonly mode: "write" | "inspect"
}

const header = "SQLite format 3\0"

const problem = (text: string, fix: string) =>
  new ConfigurationError.ConfigurationError({ field: "filename", problem: text, fix })

const resolve = (request: Pick<Request, "filename" | "folder">) => Path.resolve(request.folder ?? ".", request.filename)

/** The path of a database that is a file. */
export const pathOf = (request: Pick<Request, "filename" | "folder">): string | undefined =>
  request.filename === memory ? undefined : resolve(request)

const parentOf = (filename: string) => {
  const parent = Path.dirname(filename)
  return parent === "." ? "its folder" : `the folder "${parent}"`
}

const permitted = (path: string, mode: number): boolean => {
  try {
    Fs.accessSync(path, mode)
    return true
  } catch {
    return false
  }
}

const statOf = (path: string): Fs.Stats | undefined => {
  try {
    return Fs.statSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

const startsLikeSqlite = (path: string): boolean => {
  const descriptor = Fs.openSync(path, "r")
  try {
    const start = Buffer.alloc(header.length)
    const length = Fs.readSync(descriptor, start, 0, header.length, 0)
    return length === 0 || start.toString("latin1", 0, length) === header
  } finally {
    Fs.closeSync(descriptor)
  }
}

const checkFolder = (filename: string, path: string) => {
  const folder = statOf(Path.dirname(path))
  if (folder === undefined || !folder.isDirectory()) {
    throw problem(
      `the file "${filename}" cannot be opened: ${parentOf(filename)} does not exist.`,
      "Create the folder first or name another file."
    )
  }
  // SQLite keeps its log beside the file, so a writable file in a read-only folder does not help.
  if (!permitted(Path.dirname(path), Fs.constants.W_OK | Fs.constants.X_OK)) {
    throw problem(
      `the file "${filename}" cannot be opened: ${parentOf(filename)} is read-only for this process.`,
      "Give this process write permission on the folder or name a file elsewhere."
    )
  }
}

const checkFile = (filename: string, path: string) => {
  const file = statOf(path)
  if (file === undefined) return
  if (!file.isFile()) {
    throw problem(`"${filename}" is not a file.`, "Name a file, not a folder or a device.")
  }
  if (!permitted(path, Fs.constants.R_OK | Fs.constants.W_OK)) {
    throw problem(
      `the file "${filename}" cannot be opened: this process may not read and write it.`,
      "Give this process read and write permission on the file."
    )
  }
  if (!startsLikeSqlite(path)) {
    throw problem(
      `the file "${filename}" is not a SQLite database; it was left as it is.`,
      "Name a SQLite file, or a file that does not exist yet to start a new database."
    )
  }
}

const checkName = (filename: string) => {
  if (filename.trim() === "" || filename.includes("\0")) {
    throw problem("the file name is empty or holds a NUL character.", `Name a file, or "${memory}".`)
  }
}

const resultCodeOf = (cause: unknown): number =>
  Predicate.hasProperty(cause, "errcode") && typeof cause.errcode === "number" ? cause.errcode & 0xff : -1

/**
 * Says why a file was refused: what was found before opening it, or what SQLite said by its primary result code
 * (https://www.sqlite.org/rescode.html).
 */
export const openingProblem = (filename: string, cause: unknown): ConfigurationError.ConfigurationError => {
  if (cause instanceof ConfigurationError.ConfigurationError) return cause
  switch (resultCodeOf(cause)) {
    case 5:
    case 6:
      return problem(`the file "${filename}" is locked by another process.`, "Stop that process or try again later.")
    case 8:
      return problem(`the file "${filename}" is read-only.`, "Give this process write permission on it and its folder.")
    case 11:
      return problem(`the file "${filename}" is damaged.`, "Restore it from a backup.")
    case 13:
      return problem(`the file "${filename}" cannot grow: the disk is full.`, "Free some space.")
    case 26:
      return problem(
        `the file "${filename}" is not a SQLite database; it was left as it is.`,
        "Name a SQLite file, or a file that does not exist yet to start a new database."
      )
    default:
      return problem(`the file "${filename}" cannot be opened.`, "Check its folder, its permissions and the disk.")
  }
}

const pauseMillis = 10

const pause = () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMillis)

/** Switches to WAL mode. Processes that do this to a new file at once get "locked" whatever the busy timeout says. */
const enterWalMode = (database: DatabaseSync, waitMillis: number): unknown => {
  try {
    return database.prepare("PRAGMA journal_mode = WAL").get()?.["journal_mode"]
  } catch (cause) {
    if (resultCodeOf(cause) !== 5 || waitMillis <= 0) throw cause
    pause()
    return enterWalMode(database, waitMillis - pauseMillis)
  }
}

const prepareForWriting = (database: DatabaseSync, request: Request) => {
  database.exec(`PRAGMA busy_timeout = ${request.busyTimeoutMillis}`)
  database.exec("PRAGMA foreign_keys = ON")
  const mode = enterWalMode(database, request.busyTimeoutMillis)
  if (request.filename !== memory && mode !== "wal") {
    throw problem(
      `the file "${request.filename}" lies on a file system without the shared memory that SQLite's WAL mode needs.`,
      "Name a file on a local disk."
    )
  }
  database.exec("PRAGMA synchronous = FULL")
}

const exists = (path: string): boolean => statOf(path) !== undefined

/** Tells whether the file holds something that can be looked at before anything is written. */
export const inspectable = (request: Pick<Request, "filename" | "folder">): boolean => {
  if (request.filename === memory) return false
  const path = resolve(request)
  // A rollback journal means an interrupted first write, which only a writing connection can undo.
  return (statOf(path)?.size ?? 0) > 0 && !exists(`${path}-journal`)
}

const locationFor = (request: Request): string | URL => {
  const path = resolve(request)
  if (request.mode === "write" || exists(`${path}-wal`)) return path
  // A reader in WAL mode creates the log and its index; `immutable` creates nothing, and no log means no writer.
  const url = pathToFileURL(path)
  url.searchParams.set("immutable", "1")
  return url
}

/** Opens the database or throws a `ConfigurationError`; a refused file keeps its bytes and no folder is created. */
export const open = (request: Request): DatabaseSync => {
  checkName(request.filename)
  const path = resolve(request)
  let database: DatabaseSync | undefined
  try {
    if (request.filename === memory) {
      database = new DatabaseSync(memory)
    } else {
      checkFolder(request.filename, path)
      checkFile(request.filename, path)
      // Names and owners are nobody else's business; SQLite gives its log the file's own mode.
      if (request.mode === "write" && !exists(path)) Fs.closeSync(Fs.openSync(path, "a", 0o600))
      database = new DatabaseSync(locationFor(request), {
        readOnly: request.mode === "inspect",
        timeout: request.busyTimeoutMillis
      })
    }
    if (request.mode === "write") prepareForWriting(database, request)
    // An unencrypted header may still hide a damaged file: the first read decides.
    database.prepare("SELECT count(*) FROM sqlite_schema").get()
    return database
  } catch (cause) {
    if (database?.isOpen === true) database.close()
    throw openingProblem(request.filename, cause)
  }
}
