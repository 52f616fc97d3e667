/** What a process of the benchmark is told to do, and what it answers. */
import type { Called } from "../measurement/calling.ts"
import type { Place } from "./client.ts"

/** What is measured. */
export type Operation = "create" | "verify" | "list"

/** The operations in the order they are measured in: those that change the number of keys come last. */
export const operations: ReadonlyArray<Operation> = ["verify", "list", "create"]

/** What all processes are told. */
interface Told {
  readonly client: string
  readonly place: Place
  readonly owners: number
  readonly keypal: string | undefined
  /** The file with the secrets of all keys. */
  readonly secrets: string
}

/** Fills a new database. */
export interface Seeding extends Told {
  readonly kind: "seed"
}

/** Measures each operation at each concurrency. */
export interface Measuring extends Told {
  readonly kind: "measure"
  readonly seconds: number
  readonly warmUp: number
  readonly concurrencies: ReadonlyArray<number>
}

/** What a process is told. */
export type Task = Seeding | Measuring

/** One figure of a round. */
export interface Reading extends Called {
  readonly operation: Operation
  readonly concurrency: number
}
