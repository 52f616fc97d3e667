/** The token bucket per organization. */
import type { Clock } from "../../Emulator.ts"
import type { RateLimit } from "../../WhyLabs.ts"

/** Takes one token from an organization's bucket; false when there is none. Refills evenly over time. */
export type TakeToken = (organization: string) => boolean

/** Makes full buckets; without a limit every token is granted. */
export const makeBuckets = (clock: Clock, limit: RateLimit | undefined): TakeToken => {
  if (limit === undefined) return () => true
  const buckets = new Map<string, { readonly tokens: number; readonly at: number }>()
  return (organization) => {
    const now = clock.now()
    const bucket = buckets.get(organization) ?? { tokens: limit.capacity, at: now }
    const refilled = bucket.tokens + ((now - bucket.at) * limit.refillPerMinute) / 60_000
    const tokens = Math.min(limit.capacity, refilled)
    const granted = tokens >= 1
    buckets.set(organization, { tokens: granted ? tokens - 1 : tokens, at: now })
    return granted
  }
}
