import { assert, describe, it } from "@effect/vitest"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { startPostgres, type Postgres } from "../src/chaos/postgres.ts"
import { faultOf } from "../src/gatewayCampaign/faults.ts"
import { isSound, judge } from "../src/gatewayCampaign/judge.ts"
import { makeLedger, type Create, type Event, type Ledger } from "../src/gatewayCampaign/ledger.ts"
import { readSettings } from "../src/gatewayCampaign/settings.ts"
import { idIn, send, type Answer } from "../src/gatewayCampaign/wire.ts"
import { makeWorld, type Tenant, type TrueKey, type World } from "../src/gatewayCampaign/world.ts"

const made = (name: string, tenant: Tenant, id: string): Create => ({
  name,
  tenant,
  state: "made",
  id,
  secret: `secret of ${id}`,
  operationId: `operation of ${id}`,
  requests: 1
})

const ledgerOf = (...creates: ReadonlyArray<Create>): Ledger => ({ ...makeLedger(), creates: [...creates] })

const live = (name: string, id: string): TrueKey => ({ id, name, isLive: true })

/** A world that is only what is said of it: keys of acme and of globex, and rows of the audit. */
const worldWith = (
  keys: Partial<Record<Tenant, ReadonlyArray<TrueKey>>>,
  audit: ReadonlyArray<string>,
  isChainIntact = true
): World => ({
  postgres: {
    version: "",
    database: () => Promise.resolve(""),
    urlOf: () => "",
    query: () => Promise.resolve(audit.map((row) => row.split(" | "))),
    down: () => {},
    up: () => {},
    stop: () => Promise.resolve()
  },
  url: "",
  gateways: [],
  door: {
    open: () => Promise.resolve(),
    close: () => Promise.resolve(),
    keys: () => [],
    owner: (secret) => secret.replace("secret of ", "")
  },
  key: "",
  truth: (tenant) => Promise.resolve(keys[tenant] ?? []),
  verifyAudit: () => Promise.resolve(isChainIntact),
  close: () => Promise.resolve()
})

const audited = ["create | operation of 1 | t", "create | operation of 1 | f"]

describe("the gateway campaign's judgement", () => {
  it("has nothing to say where everything is as it was acknowledged", async () => {
    const found = await judge(worldWith({ acme: [live("a", "1")] }, audited), ledgerOf(made("a", "acme", "1")))
    assert.isTrue(isSound(found), found.details.join())
    assert.deepStrictEqual([found.live, found.withoutOutcome], [1, 0])
  })

  it("names a key that is gone, one that is there twice, one that nobody was told of, and a secret of another key", async () => {
    const ledger = ledgerOf(made("a", "acme", "1"))
    assert.strictEqual((await judge(worldWith({}, audited), ledger)).lost, 1)
    const twice = { acme: [live("a", "1"), live("a", "2")] }
    assert.strictEqual((await judge(worldWith(twice, audited), ledger)).duplicates, 1)
    const other = { acme: [live("a", "2")] }
    const stranger = await judge(worldWith(other, audited), ledger)
    assert.deepStrictEqual([stranger.lost, stranger.strangers], [1, 1])
    const open = ledgerOf({ ...made("a", "acme", "1"), state: "open", id: undefined })
    assert.strictEqual((await judge(worldWith({ acme: [live("a", "1")] }, audited), open)).strangers, 1)
    const wrong = ledgerOf({ ...made("a", "globex", "1"), secret: "secret of 2" })
    assert.strictEqual((await judge(worldWith({ globex: [live("a", "1")] }, audited), wrong)).secrets, 1)
  })

  it("names a revocation that did not last, and a change that the audit does not know or lost the outcome of", async () => {
    const ledger: Ledger = {
      ...ledgerOf(made("a", "acme", "1")),
      revokes: [{ id: "1", tenant: "acme", state: "done" }]
    }
    const found = await judge(worldWith({ acme: [live("a", "1")] }, ["create | operation of 1 | t"], false), ledger)
    assert.deepStrictEqual([found.lost, found.unaudited, found.withoutOutcome], [1, 1, 2])
    assert.isFalse(found.isChainIntact)
    assert.isFalse(isSound({ ...found, lost: 0, unaudited: 0 }))
  })
})

const event = (more: Partial<Event>): Event => ({
  began: 0,
  at: 0,
  kind: "create",
  tenant: "acme",
  status: 201,
  problem: undefined,
  ...more
})

describe("the gateway campaign's faults", () => {
  it("are not over before they have shown, and report what must not be while they last", async () => {
    const backend = await faultOf("backend", worldWith({}, []))
    const refused = Array.from({ length: 5 }, () => event({ tenant: "globex", status: 502 }))
    const others = Array.from({ length: 5 }, () => event({}))
    const seen = (...events: ReadonlyArray<Event>) => ({ during: events, around: events })
    const isThere = (...events: ReadonlyArray<Event>) => backend.signs.every(([sign]) => sign(seen(...events)))
    assert.isFalse(isThere(...others))
    assert.isTrue(isThere(...refused, ...others))
    assert.deepStrictEqual(backend.problems(seen(...refused, ...others)), [])
    assert.deepStrictEqual(backend.problems(seen(event({ tenant: "globex" }), event({ status: 500 }))), [
      "a change was acknowledged while its backend was down",
      "1 of 1 requests at the other tenant failed"
    ])
  })

  it("are named on the command line", () => {
    assert.deepStrictEqual(readSettings(["--fault", "kill", "--fault", "disk"]).faults, ["kill", "disk"])
    assert.throws(() => readSettings(["--fault", "fire"]), /--fault takes backend, postgres, kill, disk, not fire/)
  })
})

const statusOf = ({ status }: Answer) => status

/** Plays with two gateways as processes of their own on one PostgreSQL. */
const together = async (postgres: Postgres, use: (world: World) => Promise<void>): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), "keyfold-together-"))
  const limits = "counted: database, caller: { requests: 60, within: 1 hour }"
  try {
    const world = await makeWorld(postgres, await postgres.database("together"), folder, limits)
    await use(world).finally(world.close)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

describe("two gateways on one PostgreSQL", () => {
  it("share callers, keys, idempotency keys, limits and one audit", async () => {
    const postgres = await startPostgres()
    if (postgres === undefined) return console.warn("SKIPPED: two gateways on one PostgreSQL (none is installed)")
    await together(postgres, async ({ gateways, key, verifyAudit }) => {
      const [one = "", other = ""] = gateways.map((gateway) => gateway.url())
      const ask = (url: string, more: Partial<Parameters<typeof send>[1]> = {}) =>
        send(url, { method: "GET", path: "/v1/tenants/acme/keys", key, ...more })
      const create = (url: string, idempotencyKey: string, name = idempotencyKey) =>
        ask(url, { method: "POST", body: { name }, idempotencyKey })
      for (const round of ["a", "b", "c", "d", "e"]) {
        const both = await Promise.all([create(one, round), create(other, round)])
        assert.sameMembers(both.map(statusOf), [201, 409], JSON.stringify(both.map(({ problem }) => problem)))
        const later = await create(other, round)
        const [first] = both.filter(({ status }) => status === 201)
        assert.deepStrictEqual([later.problem, idIn(later)], ["conflict", first === undefined ? "" : idIn(first)])
        assert.strictEqual((await create(one, round, `${round}2`)).problem, "operation-reused")
      }
      const { json } = await ask(one, { path: "/v1/tenants/acme/keys?limit=100" })
      const keys = json["keys"] as ReadonlyArray<{ readonly id: string; readonly name: string }>
      assert.sameMembers(
        keys.map(({ name }) => name),
        ["a", "b", "c", "d", "e"]
      )
      const path = `/v1/tenants/acme/keys/${keys[0]?.id ?? ""}`
      assert.strictEqual((await ask(other, { path })).status, 200)
      assert.strictEqual((await ask(other, { path, method: "DELETE" })).status, 200)
      assert.include(JSON.stringify((await ask(one, { path })).json), '"status":"revoked"')
      assert.isTrue(await verifyAudit())
      const spent = 5 * 4 + 4
      const more = await Promise.all(
        Array.from({ length: 60 }, (_, index) => ask(index % 2 === 0 ? one : other, { path: "/v1/tenants" }))
      )
      // So many of the 60 that the caller may send are left, whichever process counts them.
      assert.lengthOf(
        more.filter(({ status }) => status === 200),
        60 - spent
      )
      assert.lengthOf(
        more.filter(({ problem }) => problem === "rate-limited"),
        spent
      )
    }).finally(postgres.stop)
  })
})
