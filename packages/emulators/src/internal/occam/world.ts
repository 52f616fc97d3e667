/** What the parts of one Occam emulator share. */
import type { Clock } from "../../Emulator.ts"
import type { Switches, User } from "../../Occam.ts"
import type { Sessions } from "./sessions.ts"
import type { Table } from "./table.ts"

/** The state and the settings a request works on. */
export interface World {
  readonly clock: Clock
  readonly table: Table
  readonly sessions: Sessions
  readonly users: ReadonlyMap<string, User>
  readonly switches: () => Switches
  readonly maxKeys: number
  /** The requests that use up a quota. */
  readonly quota: number
  /** Undefined accepts any host. */
  readonly allowedHosts: ReadonlyArray<string> | undefined
}
