/** `pg`, the driver that better-auth and Kysely connect to PostgreSQL with: of these tools, or of a keypal that was built. */
import { createRequire } from "node:module"
import { join } from "node:path"
import { connections } from "./client.ts"

/** A pool of connections, as far as it is looked into here. */
export interface Pool {
  readonly query: (sql: string) => Promise<unknown>
  readonly end: () => Promise<void>
}

interface Driver {
  readonly Pool: new (options: { readonly connectionString: string; readonly max: number }) => Pool
}

const load = (keypal: string | undefined): Driver | undefined => {
  const places = [import.meta.filename, ...(keypal === undefined ? [] : [join(keypal, "package.json")])]
  for (const place of places) {
    try {
      return createRequire(place)("pg") as Driver
    } catch {
      // The next place may have it.
    }
  }
  return undefined
}

/** Whether there is such a driver. */
export const isInstalled = (keypal: string | undefined): boolean => load(keypal) !== undefined

/** Makes a pool of as many connections as Keyfold has. */
export const makePool = (url: string, keypal: string | undefined): Pool => {
  const driver = load(keypal)
  if (driver === undefined) throw new Error("pg is not installed")
  return new driver.Pool({ connectionString: url, max: connections })
}
