/** What the benchmarks ask of every store of API keys, whoever wrote it. */

/** The database that a store is opened on. */
export type Place =
  | { readonly engine: "sqlite"; readonly file: string }
  | { readonly engine: "postgres"; readonly url: string }

/** Whether a secret opens the door, and all that the store says about it. */
export interface Verified {
  readonly valid: boolean
  readonly answer: unknown
}

/** One store of API keys. */
export interface Client {
  /** Makes a key of an owner and returns its secret. */
  readonly create: (owner: number, name: string) => Promise<string>
  readonly verify: (secret: string) => Promise<Verified>
  /** Lists every key of an owner, or as many as are there when a benchmark begins: `perOwner`. */
  readonly list: (owner: number) => Promise<ReadonlyArray<unknown>>
  readonly close: () => Promise<void>
}

/** How many keys each owner has. */
export const perOwner = 25

/** Opens a store on a database, and makes its tables and owners where `owners` says how many there are to be. */
export type Open = (place: Place, options: Opening) => Promise<Client>

/** How a store is opened: with new tables for so many owners, or as it is. */
export interface Opening {
  readonly owners: number | undefined
  /** The folder of a keypal that was built. */
  readonly keypal: string | undefined
}

/** Names an owner. */
export const ownerName = (owner: number): string => `owner-${String(owner).padStart(6, "0")}`

/** The most connections to PostgreSQL that a store may have: Keyfold's default, and the same for the others. */
export const connections = 10
