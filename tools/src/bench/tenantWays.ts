/** How a thousand tenants list at once. */

/** One way; those without a transport are written by hand. */
export type Way =
  | { readonly title: string; readonly over: "ky" | "undici"; readonly hasBudget: boolean }
  | { readonly title: string; readonly over?: undefined; readonly hasBudget: false }

/**
 * What one round showed: its time, the processor's and the longest delay of the event loop in milliseconds, and how much of
 * the time that was at work.
 */
export interface Witnessed {
  readonly elapsed: number
  readonly processor: number
  readonly utilization: number
  readonly delay: number
}

/** The tenants. */
export const tenants: ReadonlyArray<string> = Array.from({ length: 1_000 }, (_, number) => `tenant-${number}`)

/** How many keys the one list has. */
export const keys = 25

/** Where the list is. */
export const listPath = "/tenants/auth/api_keys/"

/** What the one credential may send. */
export const budget = { requests: 250, per: "1 second" } as const

/** The least time in milliseconds that the budget leaves so many requests: the first ones are free. */
export const leastTime = (requests: number): number =>
  Math.max(0, ((requests - budget.requests) / budget.requests) * 1000)

/** The ways, in the order of the table. */
export const ways: ReadonlyArray<Way> = [
  { title: "**Keyfold over undici**, 250 requests a second", over: "undici", hasBudget: true },
  { title: "**Keyfold over ky**, 250 requests a second", over: "ky", hasBudget: true },
  { title: "**Keyfold over undici**, without a budget", over: "undici", hasBudget: false },
  { title: "`fetch` by hand, 64 at once", hasBudget: false }
]
