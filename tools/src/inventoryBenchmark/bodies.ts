/** What the benchmark's backends answer: lists as WhyLabs and Arthur write them, made once. */
import * as Label from "@keyfold/core/Label"
import * as OperationId from "@keyfold/core/OperationId"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"

/** The tenants who share the one large store. */
export const tenants: ReadonlyArray<string> = Array.from({ length: 20 }, (_, number) => `tenant-${number}`)

/** Keys the marks that tell them apart. */
export const labelSecret = "a secret for the marks of benchmarks"

const day = 86_400_000

const time = (millis: number): string => new Date(millis).toISOString().slice(0, -1)

/** Ten characters that look like an id of WhyLabs. */
const whylabsId = (number: number): string => `k${number.toString(36)}`.padEnd(10, "X")

/** One organization's keys; a few expire soon, are old, or were not used for long. */
export const whylabsList = (organization: string, keys: number): string => {
  const now = Date.now()
  const items = Array.from({ length: keys }, (_, number) => ({
    keyId: whylabsId(number),
    orgId: organization,
    userId: `user-${number % 50}`,
    creationTime: time(now - (number % 20 === 0 ? 200 : number % 60) * day),
    expirationTime: time(now + (number % 50 === 1 ? 10 : 300) * day),
    lastUsedTime: time(now - (number % 30 === 2 ? 120 : number % 20) * day),
    scopes: [":write_data", ":read_resource"],
    alias: `service ${number} of ${organization}`,
    revoked: false
  }))
  return JSON.stringify({ items })
}

const uuid = (number: number): string => `6f1c2d3e-0000-4000-8000-${number.toString(16).padStart(12, "0")}`

/** The keys of many tenants in one list, each with its tenant's mark; every hundredth was made by hand. */
export const arthurList = (keys: number): Promise<string> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const secret = Redacted.make(labelSecret)
      const codecs = yield* Effect.forEach(tenants, (tenant) => Label.make({ secret, backend: "arthur", tenant }))
      const write = Effect.fnUntraced(function* (number: number) {
        const name = `service ${number}`
        const codec = codecs[number % codecs.length]
        const nonce = number.toString(36).padStart(8, "0")
        const operation = OperationId.OperationId.make(`op_${number}`)
        const description =
          number % 100 === 0 || codec === undefined ? name : yield* codec.write(name, operation, nonce)
        return JSON.stringify({
          id: uuid(number),
          description,
          is_active: true,
          created_at: "2026-01-31T12:00:00.000000",
          roles: ["VALIDATION-USER"]
        })
      })
      const numbers = Array.from({ length: keys }, (_, number) => number)
      return `[${(yield* Effect.forEach(numbers, write)).join(",")}]`
    })
  )
