/** What the parts of one Arthur emulator share. */
import type { Credential, Switches } from "../../Arthur.ts"
import type { Clock } from "../../Emulator.ts"
import type { Table } from "./table.ts"
import type { Workers } from "./workers.ts"

/** The state and the settings a request works on. */
export interface World {
  readonly clock: Clock
  readonly table: Table
  readonly workers: Workers
  readonly credentials: ReadonlyArray<Credential>
  readonly switches: () => Switches
  readonly maxApiKeys: number
  readonly serverOffsetMinutes: number
  readonly processStart: () => number
}
