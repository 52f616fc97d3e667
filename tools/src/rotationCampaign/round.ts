/** One round: a fresh backend, rotations that each stop somewhere else, the end of their processes, and the judgement. */
import { KeyId } from "@keyfold/core/ApiKey"
import * as KeyStore from "@keyfold/core/KeyStore"
import { deliverTo } from "@keyfold/core/Sink"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { randomBytes } from "node:crypto"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { isDatabase, type BackendName } from "../chaos/backend.ts"
import { defaultsOf, driverOf } from "../chaos/drivers.ts"
import { drawsOf } from "../chaos/draws.ts"
import { isEmulated } from "../chaos/emulated.ts"
import type { Hand, Program } from "../chaos/hand.ts"
import type { Postgres } from "../chaos/postgres.ts"
import { pause, pauseScaled, realNow, type Scale } from "../chaos/scale.ts"
import {
  beginAll,
  hire,
  leave,
  makeCrew,
  sprung,
  standsIn,
  untilRest,
  type Crew,
  type Fate,
  type Common
} from "./crew.ts"
import { databaseHouse } from "./databaseHouse.ts"
import { emulatedHouse } from "./emulatedHouse.ts"
import type { GuardName } from "./guards.ts"
import { oldSecretFile, secretIn, sinkOf } from "./holders.ts"
import type { House, HouseOptions, Watch } from "./house.ts"
import { judge, type Damage, type Judgement } from "./judge.ts"
import type { Place, Run, ToWorker } from "./message.ts"
import { coursesOf, passageOf, type Course } from "./points.ts"
import { probe, type Findings, type Prober } from "./prober.ts"

/** Names an engine: one process on a SQLite file, or runners on one PostgreSQL. */
export type EngineName = "embedded" | "cluster"

/** What a round is made from. */
export interface RoundOptions {
  readonly seed: number
  readonly factor: number
  readonly backend: BackendName
  readonly engine: EngineName
  readonly fate: Fate
  readonly cache: string
  readonly folder: string
  readonly postgres: Postgres | undefined
  readonly without: GuardName | undefined
  /** How many runs take each course. */
  readonly copies: number
  /** How long a runner may be silent before its work is taken over, in the machine's milliseconds. */
  readonly takeOverAfter: number
  /** How many runners a cluster begins with; one takes over from the other. */
  readonly runners: number
  /** Only courses of this kind; all when omitted. */
  readonly courses?: (course: Course) => boolean
}

/** What a round came to. */
export interface Outcome extends Damage {
  readonly backend: BackendName
  readonly engine: EngineName
  readonly fate: Fate
  readonly runs: number
  readonly processes: number
  /** Processes that ended while a run stood at its point in them. */
  readonly endedProcesses: number
  /** Runs whose process ended, by point. */
  readonly ended: ReadonlyMap<string, number>
  readonly statuses: Judgement["statuses"]
  /** Runs that somebody had to ask to go on. */
  readonly asked: number
  readonly looks: number
  readonly knocks: number
  readonly details: ReadonlyArray<string>
  readonly remarks: ReadonlyArray<string>
  readonly milliseconds: number
}

let databases = 0

const databaseOf = (postgres: Postgres | undefined): Promise<string> => {
  if (postgres === undefined) throw new Error("there is no PostgreSQL on this machine")
  databases += 1
  return postgres.database(`rotations_${databases}`)
}

const openHouse = async (
  { backend, postgres }: RoundOptions,
  folder: string,
  scale: Scale,
  options: HouseOptions
): Promise<House> => {
  if (isEmulated(backend)) return emulatedHouse(backend, scale, options)
  return databaseHouse(backend === "postgres" ? await databaseOf(postgres) : `sqlite:${join(folder, "keys.db")}`)
}

/** Gives every holder a key to begin with. */
const seed = (
  { backend }: RoundOptions,
  house: House,
  held: string,
  planned: ReadonlyArray<Pick<Run, "name" | "place">>
): Promise<ReadonlyArray<Run["old"]>> => {
  const { credential, url } = house
  const seeding = Effect.gen(function* () {
    const driver = yield* driverOf({ backend, url, credential })
    const keys = yield* KeyStore.make(driver, {
      store: "seed",
      defaults: defaultsOf({ backend }),
      labelSecret: Redacted.make(randomBytes(32).toString("base64url"))
    })
    return yield* Effect.forEach(
      planned,
      ({ name, place }) =>
        Effect.map(keys.create({ name }).pipe(deliverTo(sinkOf(held, { name, place }))), ({ key }) => {
          house.learn(key.id, name)
          writeFileSync(oldSecretFile(held, name), secretIn(held, { name, place }))
          return { id: key.id, ...(key.owner === undefined ? {} : { owner: key.owner }) }
        }),
      { concurrency: 6 }
    )
  })
  return Effect.runPromise(Effect.scoped(seeding))
}

/** Longer than reads and doors of the emulated backends do not know what was just made, in scaled milliseconds. */
const visible = 15_000

interface Stage {
  readonly options: RoundOptions
  readonly crew: Crew
  readonly program: Program
  readonly setup: Common
}

/** Ends a process, and counts what stood in it. */
const end = async ({ crew, options: { fate } }: Stage, hand: Hand<ToWorker>): Promise<void> => {
  if (fate === "exit") hand.tell({ kind: "exit" })
  else void hand.kill()
  await hand.ended
  leave(crew, hand)
}

/** How long processes that were stopped may do what they like once they go on, in scaled milliseconds. */
const afterlife = 90_000

const offsetOf = ({ seed }: RoundOptions, number: number): number =>
  Math.round(drawsOf(seed).between(-300_000, 300_000, "clock", number))

const hireOne = ({ crew, options, program, setup }: Stage) =>
  hire(crew, program, { ...setup, clockOffset: offsetOf(options, crew.processes) })

/** Processes end one after the other, the oldest first, until no run has a trap left and all are over. */
const endAll = async (stage: Stage): Promise<void> => {
  const { crew } = stage
  const [oldest] = crew.hands
  await untilRest(crew, crew.processes > 1)
  if (oldest === undefined || !crew.hands.some((hand) => standsIn(crew, hand))) return
  await end(stage, oldest)
  if (crew.hands.length === 0) await hireOne(stage)
  await endAll(stage)
}

/** One process is stopped, others finish its work, and then it goes on. */
const stopOne = async (stage: Stage): Promise<void> => {
  const { crew, setup } = stage
  const [first] = crew.hands
  await untilRest(crew, false)
  if (first === undefined) return
  first.stop()
  leave(crew, first)
  await hireOne(stage)
  await untilRest(crew, true)
  first.resume()
  first.tell({ kind: "thaw" })
  await pauseScaled(setup.scale, afterlife)
  await first.kill()
}

const runnersOf = ({ engine, fate, runners }: RoundOptions): number =>
  engine === "cluster" && fate !== "stop" ? runners : 1

/** How long runners may take to share out their work, in the machine's milliseconds. */
const sharing = 20_000

/**
 * Waits until runners have shared out their work, as they do when they join: a run that stands at its trap cannot be handed
 * from one to the other.
 */
const shared = async ({ options: { postgres }, setup: { state } }: Stage, runners: number): Promise<void> => {
  const query = `SELECT pid, count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
    WHERE locktype = 'advisory' AND datname = current_database() GROUP BY pid ORDER BY pid`
  const until = realNow() + sharing
  for (let before = ""; realNow() < until;) {
    await pause(700)
    const locks = (await postgres?.query(state, query)) ?? []
    const now = locks.join()
    if (locks.length === runners && now === before) return
    before = now
  }
}

const play = async (stage: Stage): Promise<void> => {
  const { crew, options } = stage
  const size = runnersOf(options)
  await Promise.all(Array.from({ length: size }, () => hireOne(stage)))
  if (size > 1) await shared(stage, size)
  const [first] = crew.hands
  if (first !== undefined) await beginAll(crew, first)
  await (options.fate === "stop" ? stopOne(stage) : endAll(stage))
  await Promise.all(crew.hands.splice(0).map((hand) => hand.kill()))
}

/** One rotation of a round before its key is made. */
interface Planned {
  readonly name: string
  readonly place: Place
  readonly course: Course
}

const planOf = ({ backend, copies, courses = () => true, fate, seed }: RoundOptions): ReadonlyArray<Planned> => {
  // What a stopped process left is finished by one that lives.
  const isPossible = ({ traps }: Course) => fate !== "stop" || traps.length === 1
  const chosen = coursesOf(backend).filter((course) => isPossible(course) && courses(course))
  return Array.from({ length: copies }, () => chosen)
    .flat()
    .map((course, index) => ({
      name: `run-${index + 1}`,
      place: (index + seed) % 2 === 0 ? "file" : "variable",
      course
    }))
}

/** The backend of a round, and who is told of what passes there. */
interface Scene {
  readonly house: House
  readonly held: string
  readonly scale: Scale
  /** Lets the requests of these runs be held up or lost from now on, and others be watched by them. */
  readonly arm: (planned: ReadonlyArray<Planned>, crew: Crew, prober: Prober) => void
}

const sceneOf = async (options: RoundOptions, folder: string): Promise<Scene> => {
  const scale: Scale = { origin: Math.trunc(realNow()), factor: options.factor }
  const held = join(folder, "held")
  mkdirSync(held)
  const watches = new Map<string, Watch>()
  const lost = new Set<string>()
  let crew: Crew | undefined
  let prober: Prober | undefined
  const passed = async (name: string): Promise<void> => {
    const pursuit = crew?.pursuits.get(name)
    if (crew === undefined || pursuit === undefined) return
    pursuit.worker?.tell({ kind: "hold", run: name })
    const released = new Promise<void>((resolve) => void (pursuit.release = resolve))
    sprung(crew, pursuit, pursuit.worker)
    await released
  }
  const house = await openHouse(options, folder, scale, { watches, lost, passed, revoked: () => prober?.look() })
  return {
    house,
    held,
    scale,
    arm: (planned, own, ownProber) => {
      crew = own
      prober = ownProber
      for (const { course, name } of planned) {
        const watch = course.traps[0] === undefined ? undefined : passageOf(course.traps[0])
        if (watch !== undefined) watches.set(name, watch)
        if (course.path === "lost") lost.add(name)
      }
    }
  }
}

const randomText = (): string => randomBytes(32).toString("base64url")

const stageOf = (options: RoundOptions, { held, house, scale }: Scene, crew: Crew, state: string): Stage => ({
  options,
  crew,
  program: {
    script: join(import.meta.dirname, "worker.ts"),
    args: options.without === undefined ? [] : [options.without],
    cache: options.cache
  },
  setup: {
    backend: options.backend,
    url: house.url,
    credential: house.credential,
    state,
    secret: randomText(),
    labelSecret: randomText(),
    folder: held,
    scale,
    clockOffset: 0,
    takeOverAfter: options.takeOverAfter
  }
})

/** How long both keys work, in scaled milliseconds. */
const overlap = 60_000

const summary = (
  { backend, engine, fate }: RoundOptions,
  crew: Crew,
  { details, ...judged }: Judgement,
  { knocks, looks, outages }: Findings
): Omit<Outcome, "milliseconds"> => ({
  ...judged,
  backend,
  engine,
  fate,
  runs: crew.pursuits.size,
  processes: crew.processes,
  endedProcesses: crew.endedProcesses,
  ended: crew.ended,
  asked: crew.asked.size,
  outages: outages.length,
  looks,
  knocks,
  details: [...details, ...outages.map(({ problem, run }) => `${run}: ${problem}`)],
  remarks: crew.remarks
})

const perform = async (options: RoundOptions, folder: string): Promise<Outcome> => {
  const began = realNow()
  const { backend, engine, postgres, takeOverAfter } = options
  const planned = planOf(options)
  const scene = await sceneOf(options, folder)
  const { held, house, scale } = scene
  try {
    const olds = await seed(options, house, held, planned)
    const pairs = planned.map(({ course, name, place }, index): readonly [Run, Course] => [
      { name, place, path: course.path, old: olds[index] ?? { id: KeyId.make(name) } },
      course
    ])
    const runs = pairs.map(([run]) => run)
    await pauseScaled(scale, isDatabase(backend) ? 0 : visible)
    const crew = makeCrew(pairs, takeOverAfter)
    const prober = probe(house, held, runs)
    scene.arm(planned, crew, prober)
    const state = engine === "embedded" ? `sqlite:${join(folder, "state.db")}` : await databaseOf(postgres)
    await play(stageOf(options, scene, crew, state))
    const seen = await prober.stop()
    const judged = await judge({ house, folder: held, state, runs, overlap: overlap / scale.factor })
    return { ...summary(options, crew, judged, seen), milliseconds: realNow() - began }
  } finally {
    await house.close()
  }
}

/** Runs a round in a folder of its own, which is removed. */
export const runRound = async (options: RoundOptions): Promise<Outcome> => {
  const folder = mkdtempSync(join(options.folder, "round-"))
  try {
    return await perform(options, folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
