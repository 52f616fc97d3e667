/** What a round does: which process creates which key for whom, and what befalls it where. All of it comes from a seed. */
import type { FaultKind } from "@keyfold/emulators/Faults"
import { join } from "node:path"
import { isDatabase, type BackendName } from "./backend.ts"
import { drawsOf, type Draws } from "./draws.ts"
import type { Fate, Holder, Point, Task, Trap } from "./message.ts"

/** How a process ends when its work is done: in order, killed while it closes, or without finalizers. */
export type Farewell = "close" | "kill" | "exit"

/** The work of one process, and of those that take its place. */
export interface SlotPlan {
  readonly tasks: ReadonlyArray<Task>
  readonly farewell: Farewell
  /** How far off its clock is, in scaled milliseconds. */
  readonly clockOffset: number
}

/** Who comes for an operation while the process that works on it is stopped. */
export interface Rival {
  readonly slot: number
  readonly task: Task
}

/** One round. */
export interface RoundPlan {
  readonly slots: ReadonlyArray<SlotPlan>
  readonly holders: ReadonlyMap<string, Holder>
  readonly rivals: ReadonlyMap<string, Rival>
  /** The fault of an operation's first create, where its trap needs a certain one. */
  readonly forced: ReadonlyMap<string, FaultKind | "none">
}

/** How much of everything a round has. */
export interface Shape {
  readonly backend: BackendName
  readonly operations: number
  /** Traps that kill, that end a process without finalizers, and that stop one, in all. */
  readonly kills: number
  readonly exits: number
  readonly stops: number
  /** The share of operations that two processes create at once, and that are interrupted. */
  readonly contested: number
  readonly interrupted: number
  /** Whether processes may end otherwise than in order. */
  readonly isMortal: boolean
  /** Whether every kind of fault meets at least one create, whatever the mix says. */
  readonly everyFault: boolean
}

/** Slots 0 and 1 live through the round, and may hold secrets themselves; 2 and 3 are killed and start again. */
const slotCount = 4

type Points = readonly [Point, ...Array<Point>]

const killPoints: Points = [
  "arrived",
  "committed",
  "answered",
  "minted",
  "put",
  "looking",
  "claimed",
  "revoking",
  "delivered"
]
const onTheServer: ReadonlySet<Point> = new Set(["arrived", "committed"])
const stopPoints: Points = ["put", "minted", "claimed", "answered"]
const interruptPoints: Points = ["returning", "claimed", "minted", "put"]

const pointsFor = (points: Points, fate: Fate, backend: BackendName): Points => {
  const isElsewhere = isDatabase(backend) || fate === "exit"
  const [first = "claimed", ...rest] = points.filter((point) => !(isElsewhere && onTheServer.has(point)))
  return [first, ...rest]
}

/** Every kind of fault that a create can meet. */
const createFaults: ReadonlyArray<FaultKind> = [
  "resetBefore",
  "resetAfter",
  "abandoned",
  "late",
  "slow",
  "cut",
  "trickle",
  "duplicate",
  "skew",
  "status429",
  "status500",
  "status502",
  "status503",
  "status504",
  "html",
  "truncated",
  "empty",
  "text"
]

/** Gives each kind of fault to one operation, so that no round is without any of them. */
export const eachFaultOnce = (names: ReadonlyArray<string>): ReadonlyMap<string, FaultKind> =>
  new Map(
    createFaults.flatMap((kind, index) => {
      const name = names[Math.floor(((index + 0.5) * names.length) / createFaults.length)]
      return name === undefined ? [] : [[name, kind] as const]
    })
  )

/** What the first create must meet for the trap to be reached. */
const forcedBy = ({ point }: Trap): FaultKind | "none" | undefined => {
  if (point === "looking" || point === "revoking") return "resetAfter"
  return point === "committed" || point === "returning" ? "none" : undefined
}

interface Draft {
  readonly draws: Draws
  readonly shape: Shape
  readonly names: ReadonlyArray<string>
  readonly holders: Map<string, Holder>
  readonly slotsOf: Map<string, ReadonlyArray<number>>
  readonly traps: Map<string, Trap>
}

const place = ({ draws, holders, shape, slotsOf }: Draft, name: string, folder: string): void => {
  const first = Math.floor(draws.between(0, slotCount, "slot", name))
  const other = (first + 1 + Math.floor(draws.between(0, slotCount - 1, "rival", name))) % slotCount
  const slots = draws.chance(shape.contested, "contested", name) ? [first, other] : [first]
  slotsOf.set(name, slots)
  // A process that is killed takes with it what only it holds; that is no key without a holder, but a dead holder.
  const canHold = slots.every((slot) => slot < 2 || !shape.isMortal)
  const inFile: Holder = { kind: draws.chance(0.5, "sink", name) ? "file" : "record", path: join(folder, name) }
  holders.set(name, canHold && draws.chance(0.5, "holder", name) ? { kind: "caller" } : inFile)
}

/** Gives traps of one fate to operations spread evenly over those that may have one. */
const setTraps = (draft: Draft, fate: Fate, count: number, points: Points, candidates: ReadonlyArray<string>): void => {
  const { draws, shape, traps } = draft
  const free = candidates.filter((name) => !traps.has(name))
  const usable = pointsFor(points, fate, shape.backend)
  const start = draws.whole("points", fate) % usable.length
  for (let index = 0; index < count; index++) {
    const name = free[Math.floor(((index + 0.5) * free.length) / count)]
    const point = usable[(start + index) % usable.length]
    if (name !== undefined && point !== undefined) traps.set(name, { point, fate })
  }
}

const setAllTraps = (draft: Draft): void => {
  const { holders, names, shape, slotsOf } = draft
  const single = names.filter((name) => slotsOf.get(name)?.length === 1)
  const mortal = single.filter((name) => shape.isMortal && (slotsOf.get(name)?.[0] ?? 0) >= 2)
  const inFiles = single.filter((name) => holders.get(name)?.kind !== "caller" && !mortal.includes(name))
  setTraps(draft, "kill", shape.kills, killPoints, mortal)
  setTraps(draft, "exit", shape.exits, killPoints, mortal)
  setTraps(draft, "stop", shape.stops, stopPoints, inFiles)
  setTraps(draft, "interrupt", Math.ceil((shape.interrupted * names.length) / 2), interruptPoints, single)
}

const taskOf = ({ draws, holders, shape, traps }: Draft, name: string): Task => {
  const trap = traps.get(name)
  const isInterrupted = trap === undefined && draws.chance(shape.interrupted / 2, "interrupted", name)
  return {
    kind: "create",
    operationId: name,
    holder: holders.get(name) ?? { kind: "caller" },
    ...(trap === undefined ? {} : { trap }),
    ...(isInterrupted ? { interruptAfter: draws.between(0, 20_000, "interruptAfter", name) } : {})
  }
}

const rivalOf = ({ draws, holders, slotsOf }: Draft, name: string): Rival => {
  const [slot = 0] = slotsOf.get(name) ?? []
  const kind = draws.chance(0.5, "rival recovers", name) ? "recover" : "create"
  const task: Task = { kind, operationId: name, holder: holders.get(name) ?? { kind: "caller" } }
  return { slot: slot === 0 ? 1 : 0, task }
}

const farewells: readonly [Farewell, ...Array<Farewell>] = ["kill", "exit", "close"]

const slotPlan = (draft: Draft, slot: number): SlotPlan => {
  const { draws, names, shape, slotsOf } = draft
  return {
    tasks: names.filter((name) => slotsOf.get(name)?.includes(slot)).map((name) => taskOf(draft, name)),
    farewell: shape.isMortal && slot >= 2 ? draws.pick(farewells, "farewell", slot) : "close",
    clockOffset: Math.round(draws.between(-300_000, 300_000, "clock", slot))
  }
}

/** Plans a round. `folder` is where its files go. */
export const planRound = (seed: number, shape: Shape, folder: string): RoundPlan => {
  const names = Array.from({ length: shape.operations }, (_, index) => `op-${index}`)
  const draft: Draft = {
    draws: drawsOf(seed),
    shape,
    names,
    holders: new Map(),
    slotsOf: new Map(),
    traps: new Map()
  }
  for (const name of names) place(draft, name, folder)
  setAllTraps(draft)
  const stopped = [...draft.traps].filter(([, { fate }]) => fate === "stop").map(([name]) => name)
  return {
    slots: Array.from({ length: slotCount }, (_, slot) => slotPlan(draft, slot)),
    holders: draft.holders,
    rivals: new Map(stopped.map((name) => [name, rivalOf(draft, name)])),
    forced: new Map([
      ...(shape.everyFault ? eachFaultOnce(names.filter((name) => !draft.traps.has(name))) : []),
      ...[...draft.traps].flatMap(([name, trap]) => {
        const kind = forcedBy(trap)
        return kind === undefined ? [] : [[name, kind] as const]
      })
    ])
  }
}
