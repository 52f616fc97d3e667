/** Databases that are filled once and copied for every measurement, so that each begins with the same keys. */
import { copyFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { startPostgres } from "../chaos/postgres.ts"
import type { Place } from "./client.ts"

/** The databases of one engine. */
export interface Databases {
  readonly engine: Place["engine"]
  /** Says which engine it is, and when a commit is acknowledged. */
  readonly title: string
  readonly make: (name: string) => Promise<Place>
  readonly copy: (name: string) => Promise<Place>
  readonly drop: (place: Place) => Promise<void>
  readonly stop: () => Promise<void>
}

const besides = ["", "-wal", "-shm"]

/** SQLite, in files of a folder. */
export const sqlite = (folder: string): Databases => {
  const placeOf = (name: string) => ({ engine: "sqlite", file: join(folder, name) }) as const
  return {
    engine: "sqlite",
    title: `SQLite ${process.versions["sqlite"] ?? ""}, one file, WAL, synchronous = FULL`,
    make: async (name) => placeOf(name),
    copy: async (name) => {
      const copied = placeOf(`${name}-copy`)
      copyFileSync(placeOf(name).file, copied.file)
      return copied
    },
    drop: async (place) => {
      if (place.engine === "sqlite") for (const end of besides) rmSync(`${place.file}${end}`, { force: true })
    },
    stop: async () => {}
  }
}

/** PostgreSQL, started for this; undefined where the machine has none. */
export const postgres = async (): Promise<Databases | undefined> => {
  const server = await startPostgres({ durable: true })
  if (server === undefined) return undefined
  const root = server.urlOf("postgres")
  return {
    engine: "postgres",
    title: `${server.version}, on the loopback interface, fsync and synchronous_commit on`,
    make: async (name) => ({ engine: "postgres", url: await server.database(name) }),
    copy: async (name) => {
      await server.query(root, `CREATE DATABASE "${name}-copy" TEMPLATE "${name}"`)
      await server.query(root, "CHECKPOINT")
      return { engine: "postgres", url: server.urlOf(`${name}-copy`) }
    },
    drop: async (place) => {
      if (place.engine === "postgres") {
        const name = new URL(place.url).pathname.slice(1)
        await server.query(root, `DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`)
      }
    },
    stop: server.stop
  }
}
