/** The rounds of one backend added up. */
import type { BackendName } from "./backend.ts"
import type { Outcome } from "./round.ts"
import { count, total } from "./tally.ts"
import type { Damage } from "./truth.ts"

type Counts = ReadonlyMap<string, number>

/** What all rounds on one backend came to. */
export interface Sum extends Damage {
  readonly backend: BackendName
  readonly rounds: number
  readonly operations: number
  readonly creates: Counts
  readonly recoveries: Counts
  readonly made: number
  readonly live: number
  /** Holders without a live key whose delivery outlived its lease. */
  readonly overrun: number
  readonly lost: Counts
  readonly otherLost: Counts
  readonly kills: Counts
  readonly abandoned: number
  readonly stops: Counts
  readonly states: Counts
  /** Operations whose journal says neither delivered nor abandoned. */
  readonly unsettled: number
  readonly isIntact: boolean
  readonly entries: number
  readonly latest: number
  readonly milliseconds: number
}

const added = (outcomes: ReadonlyArray<Outcome>, countsOf: (outcome: Outcome) => Counts): Counts => {
  const sum = new Map<string, number>()
  for (const outcome of outcomes) for (const [name, more] of countsOf(outcome)) count(sum, name, more)
  return sum
}

/** Adds up. */
export const sumOf = (backend: BackendName, outcomes: ReadonlyArray<Outcome>): Sum => {
  const number = (of: (outcome: Outcome) => number) => outcomes.reduce((sum, outcome) => sum + of(outcome), 0)
  const states = added(outcomes, ({ audit }) => new Map(Object.entries(audit.states)))
  return {
    backend,
    rounds: outcomes.length,
    operations: number(({ operations }) => operations),
    creates: added(outcomes, ({ tally }) => tally.creates),
    recoveries: added(outcomes, ({ tally }) => tally.recoveries),
    made: number(({ made }) => made),
    live: number(({ truth }) => truth.live),
    duplicates: number(({ truth }) => truth.duplicates),
    orphans: number(({ truth }) => truth.orphans),
    ghosts: number(({ truth }) => truth.ghosts),
    overrun: number(({ truth }) => truth.overrun),
    lost: added(outcomes, ({ tally }) => tally.lost),
    otherLost: added(outcomes, ({ tally }) => tally.otherLost),
    kills: added(outcomes, ({ tally }) => tally.kills),
    abandoned: number(({ tally }) => tally.abandoned),
    stops: added(outcomes, ({ tally }) => tally.stops),
    states,
    unsettled: total(states) - (states.get("delivered") ?? 0) - (states.get("abandoned") ?? 0),
    isIntact: outcomes.every(({ audit }) => audit.intact),
    entries: number(({ audit }) => audit.entries),
    latest: Math.max(0, ...outcomes.map(({ latest }) => latest)),
    milliseconds: number(({ milliseconds }) => milliseconds)
  }
}
