/** The prober: it uses what every holder has, again and again, and notes when that does not work. */
import { pause, realNow } from "../chaos/scale.ts"
import { secretIn } from "./holders.ts"
import type { House } from "./house.ts"
import type { Run } from "./message.ts"

/** One holder who was without a working key. */
export interface Outage {
  readonly run: string
  readonly problem: string
}

/** A prober at work. */
export interface Prober {
  /** Looks at all holders at once, besides the looks that come by themselves. */
  readonly look: () => void
  readonly stop: () => Promise<Findings>
}

/** What a prober saw. */
export interface Findings {
  readonly outages: ReadonlyArray<Outage>
  /** How often a holder's key was compared with what the backend has, and how often it was tried at the door. */
  readonly looks: number
  readonly knocks: number
}

interface State {
  readonly folder: string
  readonly house: House
  readonly runs: ReadonlyArray<Run>
  readonly known: Map<string, string | undefined>
  readonly tried: Map<string, string>
  readonly outages: Map<string, Outage>
  looks: number
  knocks: number
  next: number
}

/** The machine's milliseconds between two looks. */
const every = 60

/** Holders whose key is tried at the door at each look, besides those that have a new one. */
const share = 2

const idOf = async ({ house, known }: State, secret: string): Promise<string | undefined> => {
  if (!known.has(secret)) known.set(secret, await house.idOf(secret))
  return known.get(secret)
}

const note = (state: State, run: Run, secret: string, problem: string): void => {
  // What it has by now is another matter: only a holder that still had it when it did not work was without a key.
  if (secretIn(state.folder, run) === secret && !state.outages.has(run.name)) {
    state.outages.set(run.name, { run: run.name, problem })
  }
}

const compare = async (state: State, secrets: ReadonlyArray<readonly [Run, string]>): Promise<void> => {
  const live = await state.house.live()
  for (const [run, secret] of secrets) {
    state.looks++
    const id = await idOf(state, secret)
    if (id === undefined) note(state, run, secret, "what the holder has is no key's secret")
    else if (!live.has(id)) note(state, run, secret, `the holder has key ${id}, which is not live`)
  }
}

const knock = async (state: State, [run, secret]: readonly [Run, string]): Promise<void> => {
  state.knocks++
  if (await state.house.letsIn(secret)) return
  note(state, run, secret, `the backend turns the holder's key ${(await idOf(state, secret)) ?? ""} away`)
}

const look = async (state: State): Promise<void> => {
  const { folder, runs, tried } = state
  const secrets = runs.map((run) => [run, secretIn(folder, run)] as const)
  const fresh = secrets.filter(([{ name }, secret]) => tried.get(name) !== secret)
  for (const [{ name }, secret] of fresh) tried.set(name, secret)
  const turn = secrets.slice(state.next, state.next + share)
  state.next = state.next + share >= runs.length ? 0 : state.next + share
  for (const one of [...fresh, ...turn]) await knock(state, one)
  await compare(state, secrets)
}

/** Begins to look. */
export const probe = (house: House, folder: string, runs: ReadonlyArray<Run>): Prober => {
  const state: State = {
    folder,
    house,
    runs,
    known: new Map(),
    tried: new Map(),
    outages: new Map(),
    looks: 0,
    knocks: 0,
    next: 0
  }
  let isStopped = false
  let turn: Promise<void> = Promise.resolve()
  const queue = () => (turn = turn.then(() => look(state)))
  const loop = async (): Promise<void> => {
    const began = realNow()
    await queue()
    if (isStopped) return
    // On a machine that is slow the looks must not take all of it.
    await pause(Math.max(every, (realNow() - began) * 3))
    await loop()
  }
  const looping = loop()
  return {
    look: () => void queue(),
    stop: async () => {
      isStopped = true
      await looping
      await queue()
      return { outages: [...state.outages.values()], looks: state.looks, knocks: state.knocks }
    }
  }
}
