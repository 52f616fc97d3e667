/** What the clients are compared by. */
import type { Order } from "./rounds.ts"

/**
 * One comparison: what is done, how many keys there are, and how many calls run at once. `calls` is how many of them
 * make a client warm: fewer where an earlier comparison has warmed the same functions.
 */
export interface Job extends Pick<Order, "operation" | "keys" | "concurrency"> {
  readonly id: string
  readonly title: string
  readonly calls: number
}

/** The comparisons, in the order of the tables. */
export const jobs: ReadonlyArray<Job> = [
  {
    id: "list-25",
    title: "List 25 keys, one call at a time",
    operation: "list",
    keys: 25,
    concurrency: 1,
    calls: 12_000
  },
  {
    id: "list-25-64",
    title: "List 25 keys, 64 calls at once",
    operation: "list",
    keys: 25,
    concurrency: 64,
    calls: 2_500
  },
  {
    id: "list-10000",
    title: "List 10,000 keys, one call at a time",
    operation: "list",
    keys: 10_000,
    concurrency: 1,
    calls: 15
  },
  {
    id: "create",
    title: "Create a key, one call at a time",
    operation: "create",
    keys: 25,
    concurrency: 1,
    calls: 4_000
  },
  {
    id: "create-64",
    title: "Create a key, 64 calls at once",
    operation: "create",
    keys: 25,
    concurrency: 64,
    calls: 1_500
  }
]

/** Reading so many keys by their ids at once. */
export const getting: Job = {
  id: "get-1000",
  title: "Get 1,000 keys at once",
  operation: "get",
  keys: 1_000,
  concurrency: 1,
  calls: 1
}
