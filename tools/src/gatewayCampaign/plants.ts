/** Damage that is planted by hand, so that each check shows that it notices it. */
import type { Judgement } from "./judge.ts"
import type { Ledger } from "./ledger.ts"
import type { World } from "./world.ts"

/** One damage. */
export interface Plant {
  readonly title: string
  readonly spoil: (world: World, ledger: Ledger) => Promise<void>
  readonly mend: (world: World, ledger: Ledger) => Promise<void>
  readonly isNoticed: (before: Judgement, after: Judgement) => boolean
}

const run = async ({ postgres, url }: World, ...statements: ReadonlyArray<string>): Promise<void> => {
  for (const statement of statements) await postgres.query(url, statement)
}

const liveOf = ({ creates, revokes }: Ledger): string => {
  const revoked = new Set(revokes.map(({ id }) => id))
  const found = creates.find(
    ({ id, state, tenant }) => tenant === "acme" && state === "made" && id !== undefined && !revoked.has(id)
  )
  return found?.id ?? ""
}

const revokedOf = ({ revokes }: Ledger): string =>
  revokes.find(({ state, tenant }) => tenant === "acme" && state === "done")?.id ?? ""

const columns =
  "tenant, owner, scopes, tags, secret_hash, pepper_version, hint, created_at, expires_at, revoked_at, name"

/** Every check by the damage it is there for. */
export const plants: ReadonlyArray<Plant> = [
  {
    title: "a key that was acknowledged and is gone",
    spoil: (world, ledger) => run(world, `UPDATE keyfold_keys SET revoked_at = 1 WHERE id = '${liveOf(ledger)}'`),
    mend: (world, ledger) => run(world, `UPDATE keyfold_keys SET revoked_at = NULL WHERE id = '${liveOf(ledger)}'`),
    isNoticed: (before, after) => after.lost > before.lost
  },
  {
    title: "a revocation that was acknowledged and did not last",
    spoil: (world, ledger) => run(world, `UPDATE keyfold_keys SET revoked_at = NULL WHERE id = '${revokedOf(ledger)}'`),
    mend: (world, ledger) => run(world, `UPDATE keyfold_keys SET revoked_at = 1 WHERE id = '${revokedOf(ledger)}'`),
    isNoticed: (before, after) => after.lost > before.lost
  },
  {
    title: "a second key of one create",
    spoil: (world, ledger) =>
      run(
        world,
        `INSERT INTO keyfold_keys (id, operation_id, nonce, ${columns})
          SELECT 'planted', 'planted', 'planted', ${columns} FROM keyfold_keys WHERE id = '${liveOf(ledger)}'`
      ),
    mend: (world) => run(world, "DELETE FROM keyfold_keys WHERE id = 'planted'"),
    isNoticed: (before, after) => after.duplicates > before.duplicates
  },
  {
    title: "a change that the audit does not know",
    spoil: (world, ledger) =>
      run(
        world,
        "CREATE TABLE planted AS SELECT * FROM keyfold_gateway_audit",
        `DELETE FROM keyfold_gateway_audit WHERE operation = 'revoke' AND key_id = '${revokedOf(ledger)}'`
      ),
    mend: (world) =>
      run(
        world,
        "DELETE FROM keyfold_gateway_audit",
        "INSERT INTO keyfold_gateway_audit SELECT * FROM planted",
        "DROP TABLE planted"
      ),
    isNoticed: (before, after) => after.unaudited > before.unaudited && !after.isChainIntact
  }
]
