/** A disk that can be full: a small file system that the audit's table is put on or, where none can be made, a refusal. */
import { execFileSync } from "node:child_process"
import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Postgres } from "../chaos/postgres.ts"

/** A table's disk. */
export interface Disk {
  /** What stands for the disk, in words. */
  readonly kind: string
  readonly fill: () => Promise<void>
  readonly free: () => Promise<void>
  /** Puts the table back to where it was. */
  readonly remove: () => Promise<void>
}

const megabytes = 8

const mounted = (): string | undefined => {
  const folder = mkdtempSync(join(tmpdir(), "keyfold-small-disk-"))
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", folder], { stdio: "ignore" })
    return folder
  } catch {
    rmSync(folder, { recursive: true, force: true })
    return undefined
  }
}

const unmount = (folder: string): void => {
  execFileSync("umount", ["--lazy", folder], { stdio: "ignore" })
  rmSync(folder, { recursive: true, force: true })
}

/** Writes until nothing more fits. */
const writeFull = (path: string): void => {
  let size = 64 * 1024
  while (size >= 512) {
    try {
      writeFileSync(path, Buffer.alloc(size), { flag: "a" })
    } catch {
      size /= 2
    }
  }
}

const smallFileSystem = async (
  postgres: Postgres,
  url: string,
  table: string,
  folder: string,
  user: number
): Promise<Disk> => {
  const place = join(folder, "tables")
  mkdirSync(place)
  chownSync(place, user, -1)
  await postgres.query(url, `CREATE TABLESPACE small LOCATION '${place}'`)
  await postgres.query(url, `ALTER TABLE ${table} SET TABLESPACE small`)
  const ballast = join(folder, "ballast")
  return {
    kind: `a file system of ${megabytes} MiB with the table on it, filled to the last block`,
    fill: () => Promise.resolve(writeFull(ballast)),
    free: () => Promise.resolve(rmSync(ballast, { force: true })),
    remove: async () => {
      await postgres.query(url, `ALTER TABLE ${table} SET TABLESPACE pg_default`)
      await postgres.query(url, "DROP TABLESPACE small")
      unmount(folder)
    }
  }
}

/** The server itself says that the disk is full, without one. */
const refusal = async (postgres: Postgres, url: string, table: string): Promise<Disk> => {
  await postgres.query(
    url,
    "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS " +
      "$$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END $$"
  )
  const run = async (statement: string) => void (await postgres.query(url, statement))
  return {
    kind: "a trigger that refuses with PostgreSQL's error for a full disk (no file system can be mounted here)",
    fill: () => run(`CREATE TRIGGER full_disk BEFORE INSERT ON ${table} EXECUTE FUNCTION full_disk()`),
    free: () => run(`DROP TRIGGER full_disk ON ${table}`),
    remove: () => run("DROP FUNCTION full_disk")
  }
}

const serverAccount = (): number | undefined => {
  try {
    return Number(execFileSync("id", ["-u", "postgres"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }))
  } catch {
    return undefined
  }
}

/** Puts a table on a disk of its own. */
export const diskOf = async (postgres: Postgres, url: string, table: string): Promise<Disk> => {
  const user = process.getuid?.() === 0 ? serverAccount() : undefined
  const folder = user === undefined ? undefined : mounted()
  if (folder === undefined || user === undefined) return refusal(postgres, url, table)
  try {
    return await smallFileSystem(postgres, url, table, folder, user)
  } catch (error) {
    unmount(folder)
    throw error
  }
}
