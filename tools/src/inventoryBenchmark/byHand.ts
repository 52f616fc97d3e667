/** What a person would write instead: some loops that fetch one list after the other. */
import { createHmac } from "node:crypto"
import { labelSecret, tenants } from "./seeds.ts"

/** One key as either backend writes it. */
interface Listed {
  readonly description?: string
  readonly alias?: string
  readonly userId?: string
  readonly creationTime?: string
  readonly expirationTime?: string
  readonly lastUsedTime?: string
  readonly scopes?: ReadonlyArray<string>
  readonly roles?: ReadonlyArray<string>
}

/** Takes in the keys of one list. */
export type Take = (keys: ReadonlyArray<Listed>) => void

/** Reads every list with so many loops, and gives the keys of each to whoever wants them. */
export const byHand = async (
  addresses: ReadonlyArray<string>,
  headers: Readonly<Record<string, string>>,
  loops: number,
  take: Take
): Promise<number> => {
  const left = [...addresses]
  let count = 0
  const loop = async () => {
    for (let address = left.pop(); address !== undefined; address = left.pop()) {
      const response = await fetch(address, { headers })
      const body: ReadonlyArray<Listed> | { readonly items: ReadonlyArray<Listed> } = JSON.parse(await response.text())
      const keys = "items" in body ? body.items : body
      count += keys.length
      take(keys)
    }
  }
  await Promise.all(Array.from({ length: loops }, loop))
  return count
}

const day = 86_400_000

const marked = /^(?:(.+) )?kf1-([\w-]{8})([\w-]{8})([\w-]{4})([\w-]{6})$/su

const sign = (parts: ReadonlyArray<string>): string =>
  createHmac("sha256", labelSecret).update(JSON.stringify(parts)).digest("base64url")

const fingerprints = new Map(
  tenants.map((tenant) => [sign(["keyfold label 1 tenant", "arthur", tenant]).slice(0, 4), tenant])
)

/** Whose key it is: proved as the inventory proves it. */
const tenantOf = (label: string | undefined): string | undefined => {
  const [, name = "", operation = "", nonce = "", fingerprint = "", check = ""] = marked.exec(label ?? "") ?? []
  const tenant = fingerprints.get(fingerprint)
  if (tenant === undefined) return undefined
  const mac = sign(["keyfold label 1 check", "arthur", tenant, operation, nonce, name])
  return mac.startsWith(check) ? tenant : undefined
}

const broad = /\*|(?:^|[^a-z])(?:admin|root|superuser)/i

/** Judges keys as the inventory does, without saying why. */
export const judging = (): { readonly take: Take; readonly found: () => number } => {
  const now = Date.now()
  let found = 0
  const at = (time: string | undefined): number => (time === undefined ? Number.NaN : Date.parse(`${time}Z`))
  return {
    found: () => found,
    take: (keys) => {
      const names = new Set<string>()
      for (const key of keys) {
        const name = key.alias ?? key.description ?? ""
        if (at(key.expirationTime) <= now + 30 * day) found++
        if (at(key.creationTime) < now - 90 * day) found++
        if (at(key.lastUsedTime) < now - 90 * day) found++
        if (key.userId === undefined) found++
        if ((key.scopes ?? key.roles ?? []).some((scope) => broad.test(scope))) found++
        if (key.description !== undefined && tenantOf(key.description) === undefined) found++
        if (names.has(name)) found++
        names.add(name)
      }
    }
  }
}
