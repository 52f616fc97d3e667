/** What one process measured. */

/** A thousand small stores, or one that many tenants share. */
export type Case = "many" | "shared"

/**
 * By the library, or by a hand-written loop of `fetch` calls: one that parses and counts (`fetch`), or one that also does to
 * each key what the inventory does (`judged`).
 */
export type Way = "inventory" | "fetch" | "judged"

/**
 * One measurement: the time from the first request to the last key, the processor time of all threads in it, and the most
 * memory the process ever had, in MiB.
 */
export interface Measured {
  readonly keys: number
  readonly seconds: number
  readonly busy: number
  readonly resident: number
}
