/** Who may import what: section 2 of the house plan as data. Every package of the workspace has one row. */

/** The import rights of one package's `src`. */
export interface Layer {
  /** Workspace packages it may import; `"any"` only for an application. */
  readonly packages: ReadonlyArray<string> | "any"
  /** Third-party packages it may import. */
  readonly libraries: ReadonlyArray<string>
  /** Whether `node:*` may be imported. */
  readonly node: boolean
  /** Whether effect APIs tagged unstable may be imported. */
  readonly unstableEffect: boolean
  /** The budget in code lines of an adapter's whole `src`: 350 per dialect. */
  readonly adapterLines?: number
}

const portable = { node: false, unstableEffect: false }
const onNode = { node: true, unstableEffect: true }
const adapter = { ...portable, packages: ["@keyfold/core", "@keyfold/http"], libraries: ["effect"] }
const linesPerDialect = 350

/** The row of each package, by package name. */
export const layers: Readonly<Record<string, Layer>> = {
  // Marks of long lists are checked synchronously, which neither Web Crypto nor a stable effect module offers.
  "@keyfold/core": { ...portable, packages: [], libraries: ["effect", "@noble/hashes"] },
  "@keyfold/http": { ...portable, packages: ["@keyfold/core"], libraries: ["effect", "ky"] },
  "@keyfold/undici": {
    node: true,
    unstableEffect: false,
    packages: ["@keyfold/core", "@keyfold/http"],
    libraries: ["effect", "undici"]
  },
  "@keyfold/whylabs": { ...adapter, adapterLines: 2 * linesPerDialect },
  "@keyfold/arthur": { ...adapter, adapterLines: linesPerDialect },
  "@keyfold/occam": { ...adapter, adapterLines: linesPerDialect },
  // It keeps what lifecycle's rotations have to remember, in lifecycle's own words.
  "@keyfold/sql": {
    ...onNode,
    packages: ["@keyfold/core", "@keyfold/lifecycle"],
    libraries: ["effect", "@effect/sql-pg"]
  },
  "@keyfold/emulators": { ...portable, packages: [], libraries: ["effect"] },
  "@keyfold/canary": { node: true, unstableEffect: false, packages: [], libraries: ["effect"] },
  "@keyfold/conformance": {
    ...portable,
    packages: ["@keyfold/core", "@keyfold/emulators"],
    libraries: ["effect", "@effect/vitest"]
  },
  "@keyfold/lifecycle": { node: false, unstableEffect: true, packages: ["@keyfold/core"], libraries: ["effect"] },
  // The sink of a Kubernetes manifest edits YAML that people wrote and keeps their comments.
  "@keyfold/node": { ...onNode, packages: ["@keyfold/core"], libraries: ["effect", "yaml"] },
  // The file names schedules of rotations, in lifecycle's own words.
  "@keyfold/config": {
    ...onNode,
    packages: ["@keyfold/core", "@keyfold/node", "@keyfold/lifecycle"],
    libraries: ["effect", "yaml"]
  },
  keyfold: { ...onNode, packages: "any", libraries: ["effect", "@effect/platform-node"] },
  "@keyfold/gateway": {
    ...onNode,
    packages: ["@keyfold/core", "@keyfold/config", "@keyfold/lifecycle", "@keyfold/sql", "@keyfold/node"],
    libraries: ["effect", "@effect/platform-node", "jose"]
  }
}
