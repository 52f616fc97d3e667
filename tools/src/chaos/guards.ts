/**
 * The guards of safe create, and how to run without one: a worker's sources are changed as they are loaded.
 *
 * Production code has no switches for this. A text that is not found exactly once is an error, so that a guard cannot be
 * thought removed when it was only moved.
 */
import { registerHooks } from "node:module"

/** Names a guard that can be taken away. */
export type GuardName = "nonce" | "settle" | "lease" | "journal"

/** One change of one source; `file` is below `packages`. */
export interface Change {
  readonly file: string
  readonly from: string
  readonly to: string
}

/** What is guarded, and what its absence means. */
export interface Guard {
  readonly title: string
  readonly without: string
  readonly changes: ReadonlyArray<Change>
}

/** Every guard, in the order of the report. `journal` is left out by giving the stores none. */
export const guards: Readonly<Record<GuardName, Guard>> = {
  nonce: {
    title: "nonce check",
    without: "reconciling revokes every key of the operation, not only those of its own attempts",
    changes: [
      {
        file: "core/src/internal/finder.ts",
        from: "        : marked(nonce),",
        to: `        : Effect.flatMap(codec.fingerprint(operationId), (print) =>
            Effect.map(list((mark) => mark.operation === print), (found) => found.map(([key]) => key))),`
      }
    ]
  },
  settle: {
    title: "settle watch",
    without: "a lost attempt is looked for once and not again when the settle bound is over",
    changes: [
      {
        file: "core/src/internal/reconcile.ts",
        from: "const last = first + Duration.toMillis(settle.within)",
        to: "const last = first"
      }
    ]
  },
  lease: {
    title: "lease check",
    without: "a claim does not wait for another sender's lease, and a sender that lost its lease may still deliver",
    changes: [
      {
        file: "core/src/internal/lease.ts",
        from: "if (!settled && now < operation.leaseUntil) {",
        to: "if (!settled && now < 0) {"
      },
      {
        file: "core/src/internal/lease.ts",
        from: 'operation?.epoch === lease.epoch && (operation.state === "intended" || operation.state === "minted")',
        to: "operation !== undefined && lease !== undefined"
      }
    ]
  },
  journal: { title: "journal", without: "the stores have none", changes: [] }
}

/** The names of the guards. */
export const guardNames: ReadonlyArray<GuardName> = ["nonce", "settle", "lease", "journal"]

/** Applies changes to a source; throws where a text is not there exactly once. */
export const change = (source: string, changes: ReadonlyArray<Change>): string =>
  changes.reduce((text, { file, from, to }) => {
    const parts = text.split(from)
    if (parts.length === 2) return parts.join(to)
    throw new Error(`${file} has ${parts.length - 1} places that read "${from}"; the guard's change expects one`)
  }, source)

/** Makes every import of this process see changed sources. */
export const changeSources = (changes: ReadonlyArray<Change>): void => {
  registerHooks({
    load: (url, context, next) => {
      const loaded = next(url, context)
      const wanted = changes.filter(({ file }) => url.endsWith(`/packages/${file}`))
      if (wanted.length === 0 || loaded.source === undefined || loaded.source === null) return loaded
      const source = typeof loaded.source === "string" ? loaded.source : new TextDecoder().decode(loaded.source)
      return { ...loaded, source: change(source, wanted) }
    }
  })
}

/** Makes every import of this process see the sources without a guard. */
export const removeGuard = (name: GuardName): void => changeSources(guards[name].changes)
