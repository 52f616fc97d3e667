/** What the clients were told: the ground that everything is judged on. */
import type { Tenant } from "./world.ts"

/** One create that a client wants. */
export interface Create {
  readonly name: string
  readonly tenant: Tenant
  /** Made: a gateway said that there is a key, whether with its secret or as the one that was made before. */
  state: "open" | "made"
  id: string | undefined
  secret: string | undefined
  operationId: string
  requests: number
}

/** One revocation that a client wants. */
export interface Revoke {
  readonly id: string
  readonly tenant: Tenant
  state: "open" | "done"
}

/** What a client can ask for. */
export type Kind = "create" | "revoke" | "list" | "get" | "verify"

/** One request. */
export interface Event {
  readonly began: number
  readonly at: number
  readonly kind: Kind
  readonly tenant: Tenant
  readonly status: number
  readonly problem: string | undefined
}

/** Everything that was asked for, and everything that was answered. */
export interface Ledger {
  readonly creates: Array<Create>
  readonly revokes: Array<Revoke>
  readonly events: Array<Event>
}

/** Makes an empty one. */
export const makeLedger = (): Ledger => ({ creates: [], revokes: [], events: [] })

/** Whether an answer is what was asked for. */
export const isDone = ({ status }: Pick<Event, "status">): boolean => status >= 200 && status < 300

/** Whether a request would change something. */
export const isChange = ({ kind }: Pick<Event, "kind">): boolean => kind === "create" || kind === "revoke"
