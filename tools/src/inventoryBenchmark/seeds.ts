/** The keys of the benchmark's backends, as their emulators are seeded. */
import * as Label from "@keyfold/core/Label"
import * as OperationId from "@keyfold/core/OperationId"
import type * as Arthur from "@keyfold/emulators/Arthur"
import type * as WhyLabs from "@keyfold/emulators/WhyLabs"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"

/** The tenants who share the one large store. */
export const tenants: ReadonlyArray<string> = Array.from({ length: 20 }, (_, number) => `tenant-${number}`)

/** Keys the marks that tell them apart. */
export const labelSecret = "a secret for the marks of benchmarks"

const day = 86_400_000

const numbers = (length: number): ReadonlyArray<number> => Array.from({ length }, (_, number) => number)

/** Names one of the organizations. */
export const organization = (number: number): string => `org-${number}`

/** One organization's keys; a few expire soon, are old, or were not used for long. */
export const whylabsKeys = (of: number, keys: number): ReadonlyArray<WhyLabs.Seed> => {
  const now = Date.now()
  return numbers(keys).map((number) => ({
    organization: organization(of),
    userId: `user-${number % 50}`,
    keyId: `k${(of * keys + number).toString(36)}`.padEnd(10, "X"),
    alias: `service ${number} of ${organization(of)}`,
    scopes: [":write_data", ":read_resource"],
    creationTime: now - (number % 20 === 0 ? 200 : number % 60) * day,
    expirationTime: now + (number % 50 === 1 ? 10 : 300) * day,
    lastUsedTime: now - (number % 30 === 2 ? 120 : number % 20) * day
  }))
}

const uuid = (number: number): string => `6f1c2d3e-0000-4000-8000-${number.toString(16).padStart(12, "0")}`

/** The keys of many tenants in one store, each with its tenant's mark; every hundredth was made by hand. */
export const arthurKeys = (keys: number): Promise<ReadonlyArray<Arthur.Seed>> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const secret = Redacted.make(labelSecret)
      const codecs = yield* Effect.forEach(tenants, (tenant) => Label.make({ secret, backend: "arthur", tenant }))
      const write = Effect.fnUntraced(function* (number: number) {
        const name = `service ${number}`
        const codec = codecs[number % codecs.length]
        const nonce = number.toString(36).padStart(8, "0")
        const operation = OperationId.OperationId.make(`op_${number}`)
        const isByHand = number % 100 === 0 || codec === undefined
        return { id: uuid(number), description: isByHand ? name : yield* codec.write(name, operation, nonce) }
      })
      return yield* Effect.forEach(numbers(keys), write)
    })
  )
