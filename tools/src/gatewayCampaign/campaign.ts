/** The campaign: every fault in turn, clients without idempotency keys beside them, and damage planted by hand. */
import { join } from "node:path"
import { mkdirSync } from "node:fs"
import type { Postgres } from "../chaos/postgres.ts"
import type { FaultName } from "./faults.ts"
import { isSound, judge, type Judgement } from "./judge.ts"
import { plants, type Plant } from "./plants.ts"
import { play, type Findings } from "./scene.ts"
import type { Settings } from "./settings.ts"
import { makeWorld, type World } from "./world.ts"

/** A control: damage that was planted, and whether the judgement names it. */
export interface Control {
  readonly plant: Plant
  readonly isNoticed: boolean
}

/** What a campaign found. */
export interface Campaign {
  readonly scenes: ReadonlyArray<Findings>
  readonly naive: ReadonlyArray<Findings>
  readonly controls: ReadonlyArray<Control>
  readonly problems: ReadonlyArray<string>
}

type Say = (line: string) => void

const describe = ({ judgement, ledger, options, recovered, title }: Findings): string =>
  `${title}${options.idempotent ? "" : ", clients without idempotency keys"}: ${ledger.creates.length} creates, ` +
  `${ledger.revokes.length} revocations, ${ledger.events.length} requests; ${judgement.lost} lost, ` +
  `${judgement.duplicates} duplicates; recovered in ${recovered?.toFixed(2) ?? "never"} s`

const damageOf = ({ judgement, problems, title }: Findings): ReadonlyArray<string> => [
  ...problems.map((problem) => `${title}: ${problem}`),
  ...(isSound(judgement) ? [] : [`${title}: ${summary(judgement)}`, ...judgement.details.slice(0, 5)])
]

const summary = ({ duplicates, isChainIntact, lost, secrets, strangers, unaudited }: Judgement): string =>
  `${lost} lost, ${duplicates} duplicates, ${strangers} strangers, ${secrets} wrong secrets, ${unaudited} unaudited, ` +
  `chain ${isChainIntact ? "intact" : "BROKEN"}`

/** Faults in which an answer gets lost after its change was carried out. */
const losing: ReadonlyArray<FaultName> = ["postgres", "kill"]

const playAll = async (world: World, settings: Settings, say: Say) => {
  const { clients, faults, lasting, naive, peace, seed, times } = settings
  const shared = { seed, clients, times, lasting, peace }
  const scenes: Array<Findings> = []
  const others: Array<Findings> = []
  for (const fault of faults) {
    const found = await play(world, { ...shared, fault, idempotent: true })
    say(describe(found))
    scenes.push(found)
    if (!naive || !losing.includes(fault)) continue
    const other = await play(world, { ...shared, seed: seed + 1, fault, idempotent: false })
    say(describe(other))
    others.push(other)
  }
  return { scenes, naive: others }
}

/** The last scene's state, with one damage after the other planted into it: each must be named. */
const control = async (world: World, { ledger }: Findings, before: Judgement): Promise<ReadonlyArray<Control>> => {
  const controls: Array<Control> = []
  for (const plant of plants) {
    await plant.spoil(world, ledger)
    const after = await judge(world, ledger)
    controls.push({ plant, isNoticed: plant.isNoticed(before, after) })
    await plant.mend(world, ledger)
  }
  return controls
}

/** Runs the campaign. */
export const runCampaign = async (
  postgres: Postgres,
  folder: string,
  settings: Settings,
  say: Say
): Promise<Campaign> => {
  const place = join(folder, "gateways")
  mkdirSync(place)
  const world = await makeWorld(postgres, await postgres.database("gateways"), place)
  try {
    const { naive, scenes } = await playAll(world, settings, say)
    const last = scenes.at(-1)
    const controls = last === undefined ? [] : await control(world, last, last.judgement)
    const unnoticed = controls.filter(({ isNoticed }) => !isNoticed)
    const problems = [
      ...scenes.flatMap(damageOf),
      ...unnoticed.map(({ plant }) => `the campaign does not notice ${plant.title}`)
    ]
    return { scenes, naive, controls, problems }
  } finally {
    await world.close()
  }
}
