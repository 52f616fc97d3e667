/** Revokes a key, written down. */
import type { KeyRef, Revocation } from "@keyfold/core/ApiKey"
import type * as Effect from "effect/Effect"
import type { Problem } from "../Problem.ts"
import type { Admission } from "./admitting.ts"
import { withStore } from "./answering.ts"
import type { Means } from "./creating.ts"
import { audited } from "./mutations.ts"

/** Revokes a key of the tenant that was let in to. */
export const revoke = (
  { audit, backends }: Pick<Means, "audit" | "backends">,
  ref: KeyRef,
  reason: string | undefined
): Effect.Effect<Revocation, Problem, Admission> =>
  audited(
    audit,
    { operation: "revoke", key: ref.id, ...(reason === undefined ? {} : { reason }) },
    withStore(backends, (store) => store.revoke(ref)),
    ({ id }) => id
  )
