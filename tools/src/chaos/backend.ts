/** The backends of the campaign. */

/** Names a backend of the campaign: an adapter, and its dialect where it has two. */
export type BackendName = "whylabs-v0" | "whylabs-v1" | "arthur" | "occam" | "sqlite" | "postgres"

/** Every backend, in the order of the report. */
export const backendNames: ReadonlyArray<BackendName> = [
  "whylabs-v0",
  "whylabs-v1",
  "arthur",
  "occam",
  "sqlite",
  "postgres"
]

/** Whether a backend is a database, which its workers open themselves. */
export const isDatabase = (backend: BackendName): backend is "sqlite" | "postgres" =>
  backend === "sqlite" || backend === "postgres"

/** What the emulators do within the bounds the adapters declare, in scaled milliseconds. */
export interface Emulated {
  /** How long reads do not see a new key. */
  readonly visibility: number
  /** How far behind a stale list is at the most. */
  readonly stale: number
}

/** Declared visibility: 12 s at WhyLabs, none at Arthur, 10 s at Occam. What is emulated stays well inside. */
export const emulated: Readonly<Record<Exclude<BackendName, "sqlite" | "postgres">, Emulated>> = {
  "whylabs-v0": { visibility: 6_000, stale: 8_000 },
  "whylabs-v1": { visibility: 6_000, stale: 8_000 },
  arthur: { visibility: 0, stale: 0 },
  occam: { visibility: 5_000, stale: 7_000 }
}

/** How late an abandoned request commits at the most, in scaled milliseconds; every adapter declares 60 s. */
export const latest = 40_000

/** The organization, owner and person that the emulators know. */
export const organization = "org-chaos"
export const owner = "chaos-bot"
export const person = "chaos@example.com"
