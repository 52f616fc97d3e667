/** better-auth with its API-key plugin. */
import { apiKey } from "@better-auth/api-key"
import { betterAuth } from "better-auth"
import { makeSignature } from "better-auth/crypto"
import { getMigrations } from "better-auth/db/migration"
import { ownerName, type Client, type Opening, type Place } from "./client.ts"
import { makePool } from "./postgresDriver.ts"
import { openFile } from "./sqliteFile.ts"

const secret = "a secret that is only ever used by benchmarks, of 32 bytes and more"

const make = (place: Place, keypal: string | undefined) => {
  const [database, close] = place.engine === "sqlite" ? ofFile(place.file) : ofServer(makePool(place.url, keypal))
  const auth = betterAuth({
    database,
    secret,
    baseURL: "http://127.0.0.1",
    logger: { disabled: true },
    rateLimit: { enabled: false },
    // Ten requests a day for each key are the default, and would end the benchmark.
    plugins: [apiKey({ rateLimit: { enabled: false } })]
  })
  return { auth, close }
}

/** One that is open. */
export interface BetterAuth extends Client {
  readonly auth: ReturnType<typeof make>["auth"]
  /** The header of somebody who is signed in; keys are listed by their owner only. */
  readonly cookieOf: (owner: number) => Promise<string>
}

const ofFile = (file: string) => {
  const database = openFile(file)
  return [database, async () => database.close()] as const
}

const ofServer = (pool: ReturnType<typeof makePool>) => [pool as never, () => pool.end()] as const

const userOf = (owner: number): string => ownerName(owner)

const tokenOf = (owner: number): string => `session-of-${ownerName(owner)}`

/** Opens it; its owners are users who have signed in. */
export const open = async (place: Place, { keypal, owners }: Opening): Promise<BetterAuth> => {
  const { auth, close } = make(place, keypal)
  const context = await auth.$context
  if (owners !== undefined) {
    await (await getMigrations(auth.options)).runMigrations()
    const now = new Date()
    const expiresAt = new Date(now.getTime() + 86_400_000)
    for (let owner = 0; owner < owners; owner++) {
      const user = { id: userOf(owner), email: `${ownerName(owner)}@example.com`, name: ownerName(owner) }
      const times = { createdAt: now, updatedAt: now }
      await context.adapter.create({
        model: "user",
        data: { ...user, emailVerified: true, ...times },
        forceAllowId: true
      })
      const session = { userId: user.id, token: tokenOf(owner), expiresAt, ...times }
      await context.adapter.create({ model: "session", data: session })
    }
  }
  const cookies = new Map<number, string>()
  const cookieOf = async (owner: number): Promise<string> => {
    const known = cookies.get(owner)
    if (known !== undefined) return known
    const value = `${tokenOf(owner)}.${await makeSignature(tokenOf(owner), context.secret)}`
    const cookie = `${context.authCookies.sessionToken.name}=${encodeURIComponent(value)}`
    cookies.set(owner, cookie)
    return cookie
  }
  return {
    auth,
    cookieOf,
    close,
    create: async (owner, name) => (await auth.api.createApiKey({ body: { name, userId: userOf(owner) } })).key,
    verify: async (key) => {
      const answer = await auth.api.verifyApiKey({ body: { key } })
      return { valid: answer.valid, answer }
    },
    list: async (owner) => {
      const headers = new Headers({ cookie: await cookieOf(owner) })
      return (await auth.api.listApiKeys({ headers, query: { limit: 25 } })).apiKeys
    }
  }
}
