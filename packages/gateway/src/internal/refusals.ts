/** Guessing: whoever presents too many credentials that are refused has to wait. Each process counts for itself. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { createHmac, createSecretKey, randomBytes } from "node:crypto"
import type { Problem } from "../Problem.ts"
import type { Callers } from "./callers.ts"
import { Entry } from "./entry.ts"
import type { Limit } from "./limits.ts"
import { tooMany } from "./problems.ts"

/** Refused credentials by where they come from. */
export interface Refusals {
  /** Fails where too many came from the address of the request that is being answered. */
  readonly check: Effect.Effect<void, Problem>
  /** Counts one. */
  readonly count: Effect.Effect<void>
}

/** So many places, and so many credentials, are remembered; the oldest make room. */
const capacity = 10_000

const makeRoom = (known: { readonly size: number; keys(): Iterable<string>; delete(key: string): boolean }): void => {
  const [oldest] = known.size < capacity ? [] : known.keys()
  if (oldest !== undefined) known.delete(oldest)
}

/** Where somebody is: one IPv4 address, or a /64 of IPv6, within which anybody may take as many as they like. */
export const placeOf = (address: string): string => {
  const [bare = address] = address.split("%", 1)
  const read = NetAddress.ipFromString(bare)
  if (Result.isFailure(read)) return bare
  const { success: ip } = read
  if (NetAddress.isIpv4Address(ip)) return bare
  return Option.match(NetAddress.fromIpv4Mapped(ip), {
    onSome: (mapped) => NetAddress.formatIp(mapped),
    onNone: () => IpNetwork.format(IpNetwork.fromAddressUnsafe(ip, 64))
  })
}

interface Count {
  used: number
  readonly ends: number
}

/** Makes the counts. Requests whose address is not known are not counted. */
export const make = ({ requests, within }: Limit): Refusals => {
  const counts = new Map<string, Count>()
  const place = Effect.map(Entry, ({ address }) => (address === undefined ? undefined : placeOf(address)))
  const current = Effect.map(Effect.all([place, Clock.currentTimeMillis]), ([name, now]) => {
    const found = name === undefined ? undefined : counts.get(name)
    if (name !== undefined && found !== undefined && found.ends <= now) counts.delete(name)
    return { name, now, found: found !== undefined && found.ends > now ? found : undefined }
  })
  const detail = `From this address came ${requests} credentials that were refused in ${Duration.format(within)}.`
  return {
    check: Effect.flatMap(current, ({ found, now }) =>
      found !== undefined && found.used >= requests
        ? Effect.fail(tooMany(detail, Duration.millis(found.ends - now)))
        : Effect.void
    ),
    count: Effect.map(current, ({ found, name, now }) => {
      if (found !== undefined) found.used += 1
      else if (name !== undefined) {
        makeRoom(counts)
        counts.set(name, { used: 1, ends: now + Duration.toMillis(within) })
      }
    })
  }
}

/** Recognises credentials that were good before, so that whoever shares an address with a guesser is let in all the same. */
const recognising = () => {
  // Node takes 12 us longer to key a hash with bytes.
  const key = createSecretKey(randomBytes(32))
  const good = new Set<string>()
  return (credential: Redacted.Redacted<string>) => {
    const digest = createHmac("sha256", key).update(Redacted.value(credential)).digest("base64")
    return {
      isGood: () => good.has(digest),
      keep: () => {
        if (good.has(digest)) return
        makeRoom(good)
        good.add(digest)
      },
      forget: () => good.delete(digest)
    }
  }
}

/** Lets nobody guess: from an address with too many refusals only credentials are checked that were good before. */
export const guarding = (callers: Callers, { check, count }: Refusals): Callers => {
  const recognise = recognising()
  return (credential) => {
    // No guess.
    if (Redacted.value(credential) === "") return callers(credential)
    const seen = recognise(credential)
    return Effect.suspend(() => (seen.isGood() ? Effect.void : check)).pipe(
      Effect.andThen(Effect.suspend(() => callers(credential))),
      Effect.tap(() => Effect.sync(seen.keep)),
      Effect.tapError(({ name }) =>
        name === "unauthenticated" ? Effect.andThen(Effect.sync(seen.forget), count) : Effect.void
      )
    )
  }
}
