import { KeyId, type IssuedKey } from "@keyfold/core/ApiKey"
import type { CreateRequest, Driver } from "@keyfold/core/Driver"
import { OperationId } from "@keyfold/core/OperationId"
import * as Sql from "@keyfold/sql/Sql"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { createHash, randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"

/** A folder that ends with the scope. */
export const folder = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "keyfold-sql-"))),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true }))
)

export const pepper = Redacted.make("a pepper for tests that is long enough for everyone")

export const otherPepper = Redacted.make("quite another pepper that is long enough as well")

export const openUrl = (url: string, options: Partial<Sql.Options> = {}) => Sql.make({ url, pepper, ...options })

export const open = (path: string, options: Partial<Sql.Options> = {}) => openUrl(`sqlite:${path}`, options)

export const inMemory = open(":memory:")

export const request = (changes: Partial<CreateRequest> = {}): CreateRequest => ({
  operationId: OperationId.make(`op_${randomBytes(12).toString("hex")}`),
  nonce: randomBytes(9).toString("hex"),
  supersedes: [],
  name: undefined,
  label: undefined,
  owner: undefined,
  scopes: [],
  expiresAt: undefined,
  tags: {},
  provider: {},
  ...changes
})

export const create = (driver: Driver, changes: Partial<CreateRequest> = {}) =>
  Effect.suspend(() => driver.create(request(changes)))

/** Reads every page of a listing. */
export const listAll = Effect.fnUntraced(function* (driver: Driver, limit: number, owner?: string) {
  const ids: Array<string> = []
  if (driver.list.kind !== "pages") return ids
  let position: string | undefined
  do {
    const page = yield* driver.list.page({ owner, statuses: ["active", "expired", "revoked"], limit, position })
    ids.push(...page.keys.map((key) => key.id))
    position = page.next
  } while (position !== undefined)
  return ids
})

/** An operation the driver declares native; its absence is a defect of the test's subject. */
export const native = <
  Name extends "get" | "usage" | "verify" | "identify" | "partition" | "partitions" | "findOperation"
>(
  driver: Driver,
  name: Name
) => {
  const operation = driver[name]
  if (operation === undefined) throw new Error(`the driver has no ${name}`)
  return operation
}

export const refOf = (issued: IssuedKey) => ({ id: issued.key.id })

export const unknownId = KeyId.make("0000000000000000")

/** Every file of a folder with a digest of its bytes. */
export const snapshot = (path: string): Record<string, string> =>
  Object.fromEntries(
    Fs.readdirSync(path)
      .toSorted()
      .map((name) => [
        name,
        createHash("sha256")
          .update(Fs.readFileSync(Path.join(path, name)))
          .digest("hex")
      ])
  )
