/** The header that says how long to wait. */
import * as Duration from "effect/Duration"
import type { Reply } from "./reply.ts"

/** Whole seconds, at least one; no header where nobody knows. */
export const retryAfter = (time: Duration.Duration | undefined): Reply["headers"] =>
  time === undefined ? {} : { "retry-after": String(Math.max(1, Math.ceil(Duration.toSeconds(time)))) }
