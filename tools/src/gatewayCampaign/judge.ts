/** Compares what the clients were told with what the backends have, and with the audit. */
import type { Ledger } from "./ledger.ts"
import { tenants, type Tenant, type TrueKey, type World } from "./world.ts"

/** What must not be, and how often it is. */
export interface Damage {
  /** Changes that were acknowledged and are not there: a key that is gone, or one that is live again. */
  readonly lost: number
  /** Live keys beyond the first of one create. */
  readonly duplicates: number
  /** Live keys that no client was told of. */
  readonly strangers: number
  /** Secrets that a client was given and that are not the key's. */
  readonly secrets: number
  /** Changes that were acknowledged and that the audit does not know to have been begun. */
  readonly unaudited: number
  readonly isChainIntact: boolean
  readonly details: ReadonlyArray<string>
}

/** Acknowledged changes whose outcome the audit lacks: their process died, or the disk was full in between. */
export interface Judgement extends Damage {
  readonly withoutOutcome: number
  readonly live: number
}

type Truth = ReadonlyMap<Tenant, ReadonlyArray<TrueKey>>

interface Finding {
  readonly kind: "lost" | "duplicates" | "strangers"
  readonly text: string
}

const revokedIds = ({ revokes }: Ledger): ReadonlySet<string> => new Set(revokes.map(({ id }) => id))

/** One create against the keys of its name. */
const ofCreates = (ledger: Ledger, truth: Truth): ReadonlyArray<Finding> => {
  const revoked = revokedIds(ledger)
  return ledger.creates.flatMap(({ id, name, state, tenant }): ReadonlyArray<Finding> => {
    const own = (truth.get(tenant) ?? []).filter((key) => key.name === name)
    const live = own.filter(({ isLive }) => isLive)
    const isGone = state === "made" && id !== undefined && !revoked.has(id) && !live.some((key) => key.id === id)
    return [
      ...(isGone ? [{ kind: "lost", text: `${name}: it was made as ${id}, and is not live` } as const] : []),
      ...live.slice(1).map((key) => ({ kind: "duplicates", text: `${name}: ${key.id} is live, too` }) as const),
      ...(state === "made"
        ? live
            .filter((key) => key.id !== id && live.length === 1)
            .map((key) => ({ kind: "strangers", text: `${name}: ${key.id} is live and was never told` }) as const)
        : live.map((key) => ({ kind: "strangers", text: `${name}: ${key.id} is live and still unknown` }) as const))
    ]
  })
}

const ofRevokes = ({ revokes }: Ledger, truth: Truth): ReadonlyArray<Finding> =>
  revokes.flatMap(({ id, state, tenant }): ReadonlyArray<Finding> => {
    const isLive = (truth.get(tenant) ?? []).some((key) => key.id === id && key.isLive)
    return state === "done" && isLive ? [{ kind: "lost", text: `${id}: it was revoked, and is live` }] : []
  })

const wrongSecrets = ({ creates }: Ledger, { door }: World, truth: Truth): ReadonlyArray<string> => {
  const live = new Set((truth.get("globex") ?? []).flatMap(({ id, isLive }) => (isLive ? [id] : [])))
  return creates.flatMap(({ id, name, secret, tenant }) =>
    tenant === "globex" && secret !== undefined && id !== undefined && live.has(id) && door.owner(secret) !== id
      ? [`${name}: its secret does not belong to ${id}`]
      : []
  )
}

interface Audited {
  readonly begun: ReadonlySet<string>
  readonly ended: ReadonlySet<string>
}

/** Creates by their operation, revocations by their key. */
const readAudit = async ({ postgres, url }: World): Promise<Audited> => {
  const rows = await postgres.query(
    url,
    "SELECT operation, coalesce(operation_id, key_id), outcome = 'begun' FROM keyfold_gateway_audit"
  )
  const names = (isBegun: string) =>
    rows.flatMap(([operation = "", of = "", begun]) => (begun === isBegun ? [`${operation} ${of}`] : []))
  return { begun: new Set(names("t")), ended: new Set(names("f")) }
}

const acknowledged = ({ creates, revokes }: Ledger): ReadonlyArray<string> => [
  ...creates.flatMap(({ operationId, state }) => (state === "made" ? [`create ${operationId}`] : [])),
  ...revokes.flatMap(({ id, state }) => (state === "done" ? [`revoke ${id}`] : []))
]

/** Judges everything that one ledger is about. */
export const judge = async (world: World, ledger: Ledger): Promise<Judgement> => {
  const truth: Truth = new Map(
    await Promise.all(tenants.map(async (tenant) => [tenant, await world.truth(tenant)] as const))
  )
  const findings = [...ofCreates(ledger, truth), ...ofRevokes(ledger, truth)]
  const count = (kind: Finding["kind"]) => findings.filter((finding) => finding.kind === kind).length
  const secrets = wrongSecrets(ledger, world, truth)
  const { begun, ended } = await readAudit(world)
  const unaudited = acknowledged(ledger).filter((name) => !begun.has(name))
  const names = new Set(ledger.creates.map(({ name }) => name))
  const live = [...truth.values()].flat().filter(({ isLive, name }) => isLive && names.has(name)).length
  const isChainIntact = await world.verifyAudit()
  return {
    lost: count("lost"),
    duplicates: count("duplicates"),
    strangers: count("strangers"),
    secrets: secrets.length,
    unaudited: unaudited.length,
    isChainIntact,
    withoutOutcome: acknowledged(ledger).filter((name) => !ended.has(name)).length,
    live,
    details: [...findings.map(({ text }) => text), ...secrets, ...unaudited.map((name) => `${name}: not in the audit`)]
  }
}

/** Whether nothing is wrong. */
export const isSound = ({ duplicates, isChainIntact, lost, secrets, strangers, unaudited }: Damage): boolean =>
  isChainIntact && lost + duplicates + strangers + secrets + unaudited === 0
