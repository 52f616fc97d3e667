/** The member `gateway` of the file: from what is written to settings with their secrets. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { resolve } from "node:path"
import type { GatewayDefinition } from "../Configuration.ts"
import { DialectSettings } from "../DialectSettings.ts"
import { GatewaySettings } from "../GatewaySettings.ts"
import * as dialects from "./dialects.ts"
import type { Mistake, Path } from "./document.ts"
import type { Reading } from "./file.ts"
import { completeWith, decode, failuresOf, readReferences, unveil, type Checked, type Obtaining } from "./references.ts"
import { slotsOf } from "./secrets.ts"

/** Where the member stands in the file. */
export const base: Path = ["gateway"]

const fixed = { pepper: "the gateway's pepper", previousPeppers: "a pepper", dialects: "what tokens are signed with" }

const placed = (folder: string, settings: GatewaySettings): GatewaySettings =>
  settings.tls === undefined
    ? settings
    : {
        ...settings,
        tls: { certificate: resolve(folder, settings.tls.certificate), key: resolve(folder, settings.tls.key) }
      }

/** Judges the dialects by themselves, whatever else is wrong; mistakes of their shape are told with the member's. */
const judgeDialects = Effect.fnUntraced(function* (
  veiled: unknown,
  tenants: Reading["tenants"]
): Effect.fn.Return<ReadonlyArray<Mistake>> {
  const written: unknown = typeof veiled === "object" && veiled !== null ? Reflect.get(veiled, "dialects") : undefined
  if (written === undefined) return []
  const place = [...base, "dialects"]
  const decoded = yield* decode(DialectSettings, written, place, [])
  if (Result.isFailure(decoded)) return []
  const names = tenants.map(([name]) => name)
  return dialects.mistakesOf(place, decoded.success, names)
})

/** Judges the member and prepares it. */
export const define = Effect.fnUntraced(function* (
  obtaining: Obtaining,
  { gateway: written, tenants }: Pick<Reading, "gateway" | "tenants">
): Effect.fn.Return<Checked<GatewayDefinition | undefined>> {
  if (written === undefined) return Result.succeed(undefined)
  const { mistakes, needed, veiled } = readReferences(slotsOf(GatewaySettings, written), written, base, fixed)
  const judged = yield* decode(GatewaySettings, veiled, base, [])
  const wrong = [...mistakes, ...failuresOf([judged]), ...(yield* judgeDialects(veiled, tenants))]
  const completed = yield* completeWith(obtaining, { mistakes: wrong, needed }, base, (secrets) =>
    decode(GatewaySettings, unveil(written, secrets), base, [])
  )
  return Result.map(completed, (complete) => ({
    settings: Effect.map(complete, (settings) => placed(obtaining.folder, settings))
  }))
})
