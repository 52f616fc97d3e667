/** keypal, from a folder where it was built: it is not published. */
import { join } from "node:path"
import type { DatabaseSync, StatementSync } from "node:sqlite"
import { pathToFileURL } from "node:url"
import { ownerName, type Client, type Opening, type Place } from "./client.ts"
import { makePool, type Pool } from "./postgresDriver.ts"
import { openFile } from "./sqliteFile.ts"

interface Manager {
  readonly create: (metadata: object) => Promise<{ readonly key: string }>
  readonly verify: (key: string) => Promise<{ readonly valid: boolean }>
  readonly list: (owner: string) => Promise<ReadonlyArray<unknown>>
}

interface Keypal {
  readonly createKeys: (options: object) => Manager
}

interface Store {
  readonly KyselyStore: new (options: object) => object
}

interface Kysely {
  readonly Kysely: new (options: { readonly dialect: object }) => object
  readonly PostgresDialect: new (options: { readonly pool: Pool }) => object
  readonly SqliteDialect: new (options: { readonly database: object }) => object
}

const load = async <A>(folder: string, file: string): Promise<A> => import(pathToFileURL(join(folder, file)).href)

// SQLite has no truth values, and neither its driver nor keypal turns them into numbers.
const bound = (values: ReadonlyArray<unknown>) =>
  values.map((value) => (typeof value === "boolean" ? Number(value) : value)) as Parameters<StatementSync["all"]>

/** The database as Kysely's dialect for SQLite wants it, on Node's driver; statements are prepared once. */
const forKysely = (database: DatabaseSync) => {
  const known = new Map<string, object>()
  const make = (sql: string) => {
    const statement = database.prepare(sql)
    return {
      reader: statement.columns().length > 0,
      all: (values: ReadonlyArray<unknown>) => statement.all(...bound(values)),
      run: (values: ReadonlyArray<unknown>) => statement.run(...bound(values)),
      iterate: (values: ReadonlyArray<unknown>) => statement.iterate(...bound(values))
    }
  }
  const prepare = (sql: string) => {
    const found = known.get(sql) ?? make(sql)
    known.set(sql, found)
    return found
  }
  return { prepare, close: () => database.close() }
}

// With one column for all of it keypal reads the whole table for each list on SQLite, and its updates fail there.
const sqliteTables = `
  CREATE TABLE apikey (id TEXT PRIMARY KEY NOT NULL, keyHash TEXT NOT NULL UNIQUE, ownerId TEXT NOT NULL, name TEXT,
    description TEXT, scopes TEXT, resources TEXT, expiresAt TEXT, createdAt TEXT, lastUsedAt TEXT, enabled INTEGER,
    revokedAt TEXT, rotatedTo TEXT, tags TEXT);
  CREATE INDEX apikey_by_owner ON apikey (ownerId)`

const postgresTables = `
  CREATE TABLE apikey (id TEXT PRIMARY KEY NOT NULL, "keyHash" TEXT NOT NULL UNIQUE, metadata JSONB NOT NULL);
  CREATE INDEX apikey_by_metadata ON apikey USING gin (metadata jsonb_path_ops)`

const onFile = ({ Kysely, SqliteDialect }: Kysely, file: string, isNew: boolean) => {
  const database = openFile(file)
  if (isNew) database.exec(sqliteTables)
  const db = new Kysely({ dialect: new SqliteDialect({ database: forKysely(database) }) })
  const options = { db, table: "apikey", provider: "sqlite", schema: { flattenMetadata: true } }
  return { options, close: async () => database.close() }
}

const onServer = async ({ Kysely, PostgresDialect }: Kysely, pool: Pool, isNew: boolean) => {
  if (isNew) await pool.query(postgresTables)
  const db = new Kysely({ dialect: new PostgresDialect({ pool }) })
  return { options: { db, table: "apikey", provider: "pg" }, close: () => pool.end() }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 200))

/** Opens it; with `tracking`, which is its default, a verification writes when the key was last used. */
export const open = async (place: Place, { keypal, owners }: Opening, tracking: boolean): Promise<Client> => {
  if (keypal === undefined) throw new Error("there is no keypal")
  const { createKeys } = await load<Keypal>(keypal, "dist/index.mjs")
  const { KyselyStore } = await load<Store>(keypal, "dist/storage/kysely.mjs")
  const kysely = await load<Kysely>(keypal, "node_modules/kysely/dist/esm/index.js")
  const isNew = owners !== undefined
  const { close, options } =
    place.engine === "sqlite"
      ? onFile(kysely, place.file, isNew)
      : await onServer(kysely, makePool(place.url, keypal), isNew)
  const keys = createKeys({ prefix: "sk_", storage: new KyselyStore(options), autoTrackUsage: tracking })
  return {
    create: async (owner, name) => (await keys.create({ ownerId: ownerName(owner), name, scopes: ["read"] })).key,
    verify: async (secret) => {
      const answer = await keys.verify(secret)
      return { valid: answer.valid, answer }
    },
    list: (owner) => keys.list(ownerName(owner)),
    close: async () => {
      // Nobody waits for what it writes about a verification.
      await nextTurn()
      await close()
    }
  }
}
