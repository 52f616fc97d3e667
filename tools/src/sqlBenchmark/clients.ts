/** The stores of the benchmark, by the names the tables show. */
import * as betterAuth from "./betterAuth.ts"
import type { Open } from "./client.ts"
import * as keyfold from "./keyfold.ts"
import * as keypal from "./keypal.ts"
import { isInstalled } from "./postgresDriver.ts"

/** A store that is measured; those that share a `seed` begin with the same keys. */
export interface Measured {
  readonly name: string
  readonly seed: "keyfold" | "better-auth" | "keypal"
  readonly open: Open
}

/** The first is what all are compared with, and the second the same once more: how far two runs of one thing differ. */
export const clients: ReadonlyArray<Measured> = [
  { name: "Keyfold", seed: "keyfold", open: keyfold.open },
  { name: "Keyfold, again", seed: "keyfold", open: keyfold.open },
  { name: "better-auth", seed: "better-auth", open: betterAuth.open },
  { name: "keypal", seed: "keypal", open: (place, opening) => keypal.open(place, opening, true) },
  { name: "keypal, no tracking", seed: "keypal", open: (place, opening) => keypal.open(place, opening, false) }
]

/** Says why a store cannot be measured, where it cannot. */
export const missing = (
  { seed }: Measured,
  engine: "sqlite" | "postgres",
  folder: string | undefined
): string | undefined => {
  if (seed === "keyfold") return undefined
  if (seed === "keypal" && folder === undefined) return "KEYPAL names no folder with a keypal that was built"
  return engine === "postgres" && !isInstalled(folder) ? "pg is not installed" : undefined
}
