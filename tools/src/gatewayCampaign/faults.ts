/** The faults: how each begins and ends, and what must show while it lasts. */
import { diskOf, type Disk } from "./disk.ts"
import { isChange, isDone, type Event } from "./ledger.ts"
import type { World } from "./world.ts"

/** Names a fault. */
export const faultNames = ["backend", "postgres", "kill", "disk"] as const

/** One of the faults. */
export type FaultName = (typeof faultNames)[number]

/** The requests of a fault's time. */
export interface Seen {
  /** Those that began and ended while it lasted; what was under way as it began may have been carried out. */
  readonly during: ReadonlyArray<Event>
  /** Those, and the ones that were under way as it began. */
  readonly around: ReadonlyArray<Event>
}

/** A fault that is about to be caused. */
export interface Fault {
  readonly title: string
  /** What it is made of here. */
  readonly means: string
  readonly begin: () => Promise<void>
  readonly end: () => Promise<void>
  readonly remove: () => Promise<void>
  /** What must be seen before it ends, and what is missing without it. */
  readonly signs: ReadonlyArray<readonly [sign: (seen: Seen) => boolean, missing: string]>
  /** What is not as it should be. */
  readonly problems: (seen: Seen) => ReadonlyArray<string>
}

/** So many requests of a kind make a sign. */
const several = 5

const refusedOf = (events: ReadonlyArray<Event>) => events.filter((event) => isChange(event) && !isDone(event))

const expect = (isTrue: boolean, problem: string): ReadonlyArray<string> => (isTrue ? [] : [problem])

const noneDone = (events: ReadonlyArray<Event>, when: string) =>
  expect(!events.filter(isChange).some(isDone), `a change was acknowledged while ${when}`)

const allDone = (events: ReadonlyArray<Event>, whose: string) =>
  expect(events.every(isDone), `${events.filter((event) => !isDone(event)).length} of ${events.length} ${whose} failed`)

const of = (tenant: Event["tenant"], events: ReadonlyArray<Event>) => events.filter((event) => event.tenant === tenant)

const backendDown = ({ door }: World): Fault => ({
  title: "the backend of one tenant is down",
  means: "the emulated Arthur's socket is closed, and opened again",
  begin: door.close,
  end: door.open,
  remove: () => Promise.resolve(),
  signs: [
    [({ during }) => refusedOf(of("globex", during)).length >= several, "no change was refused"],
    [({ during }) => of("acme", during).length >= several, "nobody asked for anything at the other tenant"]
  ],
  problems: ({ during }) => [
    ...noneDone(of("globex", during), "its backend was down"),
    ...allDone(of("acme", during), "requests at the other tenant")
  ]
})

const postgresDown = ({ postgres }: World): Fault => ({
  title: "PostgreSQL crashes and comes back",
  means: "SIGQUIT to its postmaster, and a new one on the same files",
  begin: () => Promise.resolve(postgres.down()),
  end: () => Promise.resolve(postgres.up()),
  remove: () => Promise.resolve(),
  signs: [[({ during }) => refusedOf(during).length >= several, "no change was refused"]],
  problems: ({ during }) => noneDone(during, "PostgreSQL was down")
})

const killed = ({ gateways: [, victim] }: World): Fault => ({
  title: "one of two gateways is killed",
  means: "`kill -9`; clients ask the other one the same; a new process is started afterwards",
  begin: () => Promise.resolve(victim?.kill()),
  end: async () => victim?.start(),
  remove: () => Promise.resolve(),
  signs: [
    [({ around }) => around.some(({ status }) => status === 0), "nobody was left without an answer"],
    [
      ({ during }) => during.filter(isChange).filter(isDone).length >= several,
      "the other gateway carried no change out"
    ]
  ],
  problems: () => []
})

const diskFull = (disk: Disk): Fault => ({
  title: "the disk of the audit is full",
  means: disk.kind,
  begin: disk.fill,
  end: disk.free,
  remove: disk.remove,
  signs: [
    [
      ({ during }) => during.filter(({ problem }) => problem === "audit-unavailable").length >= several,
      "no change was refused for the audit's sake"
    ],
    [({ during }) => during.filter((event) => !isChange(event)).length >= several, "nobody read"]
  ],
  // An entry that still finds room in the table's last pages is written, and its change carried out: the audit decides.
  problems: ({ during }) =>
    allDone(
      during.filter((event) => !isChange(event)),
      "reads"
    )
})

/** Prepares a fault. */
export const faultOf = async (name: FaultName, world: World): Promise<Fault> => {
  switch (name) {
    case "backend":
      return backendDown(world)
    case "postgres":
      return postgresDown(world)
    case "kill":
      return killed(world)
    case "disk":
      return diskFull(await diskOf(world.postgres, world.url, "keyfold_gateway_audit"))
  }
}
