/** How a case is written down: its group, its name, when it applies, what it needs, and what it does. */
import type { Capabilities } from "@keyfold/core/Capabilities"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { World } from "./world.ts"

/** What a case needs of its subject: options that reach the store, the driver below it, or something of its backend. */
export type Need = "options" | "driver" | "backend" | "wire" | "foreignKey" | "use"

/** One case of the contract, for any store it applies to. */
export interface Definition {
  readonly group: string
  readonly name: string
  readonly needs: ReadonlyArray<Need>
  readonly when: (capabilities: Capabilities) => boolean
  readonly run: (world: World) => Effect.Effect<unknown, unknown, Scope.Scope>
}

/** When and with what a case runs. */
export type Terms = Partial<Pick<Definition, "needs" | "when">>

const always = () => true

/** Starts a group: the result writes down its cases. */
export const inGroup =
  (group: string) =>
  (name: string, run: Definition["run"], { needs = [], when = always }: Terms = {}): Definition => ({
    group,
    name,
    needs,
    when,
    run
  })
