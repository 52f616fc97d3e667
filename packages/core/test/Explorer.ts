/**
 * Runs two processes that use one operation id through every order in which their steps can happen.
 *
 * The processes are real stores. Every call of their driver and their journal waits at a gate; the explorer decides which
 * gate opens next, or that time passes until the next sleeper is due. States that were seen before, by what each process
 * has observed and by what the backend holds, are not entered twice.
 */
import { KeyId, type ApiKey } from "@keyfold/core/ApiKey"
import { DriverError, type CreateRequest, type Driver } from "@keyfold/core/Driver"
import * as Journal from "@keyfold/core/Journal"
import * as KeyStore from "@keyfold/core/KeyStore"
import { Network } from "@keyfold/core/KeyStoreError"
import { OperationId } from "@keyfold/core/OperationId"
import { defaultPolicy, RetryPolicy } from "@keyfold/core/RetryPolicy"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as MarkerBackend from "./MarkerBackend.ts"
import { settle } from "./Passing.ts"

export type Process = "A" | "B"

/** What becomes of the first create of a process; later ones are answered. `late` commits up to the settle bound after it failed. */
export type Fate = "answered" | "lost" | "notCommitted" | "late"

export interface Scenario {
  readonly journal: boolean
  /** How long after A process B begins. */
  readonly delay: Duration.Input
  /** How long a create may take; beyond 3 hours it is never cut off. */
  readonly within: Duration.Input
  readonly fates: Readonly<Record<Process, Fate>>
  /** Takes a guard away, to prove that the explorer would see it. */
  readonly breakJournal?: (journal: Journal.Journal) => Journal.Journal
  /** What the driver claims about late commits; the truth is `settleBound`. */
  readonly claimedSettle?: Duration.Input
}

/** What was left in the end. */
export interface Ending {
  readonly live: ReadonlyArray<string>
  readonly held: ReadonlyArray<string>
}

export interface Exploration {
  readonly states: number
  readonly endings: ReadonlyArray<Ending>
  readonly damage: ReadonlyArray<string>
}

interface Gate {
  readonly label: string
  readonly due: number
  readonly open: () => void
}

interface Sleeper {
  readonly due: number
  readonly isShort: boolean
}

interface World {
  readonly gates: Array<Gate>
  readonly sleepers: Set<Sleeper>
  readonly history: Record<Process, Array<string>>
  readonly rows: Array<{
    readonly id: string
    readonly maker: string
    readonly label: string
    isLive: boolean
    at: number
  }>
  readonly makers: Map<string, string>
  readonly held: Map<Process, string>
}

const settleBound = 10_000
/** When a late commit happens at the latest: within the bound, with room for the short waits. */
const latest = 9000
/** What lies farther ahead never comes: time passes only as far as a scenario is about. */
const horizon = Duration.toMillis("3 hours")
/** Waits so short that they only give way to others; which step comes first is the gates' business. */
const shortWait = 100
const secret = Redacted.make("the secret of both processes")
const operationId = OperationId.make("the-operation")
const lost = new DriverError({ reason: new Network({ code: "ECONNRESET" }), sent: "maybe" })

/** Waits at a gate until the explorer opens it. */
const gate = (world: World, label: string, due = Number.POSITIVE_INFINITY) =>
  Effect.callback<void>((resume) => {
    const entry: Gate = { label, due, open: () => resume(Effect.void) }
    world.gates.push(entry)
    return Effect.sync(() => void world.gates.splice(world.gates.indexOf(entry), 1))
  })

const makeDriver = (world: World, process: Process, { claimedSettle = settleBound, fates }: Scenario): Driver => {
  const first = fates[process]
  let attempts = 0
  const saw = (text: string) => Effect.sync(() => void world.history[process].push(text))
  const commit = (request: CreateRequest, maker: string) =>
    Effect.map(Clock.currentTimeMillis, (at) => {
      const row = { id: maker, maker, label: request.label ?? "", isLive: true, at }
      world.rows.push(row)
      return row
    })
  const toKey = ({ id, label }: World["rows"][number]): ApiKey => ({
    id: KeyId.make(id),
    name: label,
    scopes: [],
    status: "active",
    tags: {},
    provider: {}
  })
  const create = Effect.fnUntraced(function* (request: CreateRequest) {
    const maker = `${process}${++attempts}`
    world.makers.set(request.nonce, maker)
    const fate = maker.endsWith("1") ? first : "answered"
    yield* gate(world, `${process} create`)
    if (fate === "late") {
      const due = (yield* Clock.currentTimeMillis) + latest
      yield* Effect.forkDetach(Effect.andThen(gate(world, `${process} late commit`, due), commit(request, maker)))
    }
    const row = fate === "answered" || fate === "lost" ? yield* commit(request, maker) : undefined
    yield* saw(`create ${fate}`)
    if (row === undefined || fate === "lost") return yield* lost
    return { key: toKey(row), secret: Redacted.make(`secret of ${row.id}`) }
  })
  return {
    ...MarkerBackend.make({ visibility: 0, settle: claimedSettle }).driver,
    create,
    list: {
      kind: "stream",
      open: () =>
        Stream.fromEffect(
          Effect.gen(function* () {
            yield* gate(world, `${process} list`)
            const seen = world.rows.filter(({ isLive }) => isLive)
            return seen.map(toKey)
          })
        )
    },
    revoke: ({ id }) =>
      Effect.gen(function* () {
        // What a process made of a list shows in what it revokes, so lists themselves are not remembered.
        yield* gate(world, `${process} revoke ${id}`)
        for (const row of world.rows) if (row.id === id) row.isLive = false
        yield* saw(`revoke ${id}`)
        return { id, effectiveWithin: Duration.zero }
      })
  }
}

const gatedJournal = (world: World, process: Process, journal: Journal.Journal): Journal.Journal => {
  const step = <A>(name: string, run: Effect.Effect<A, Journal.JournalError>) =>
    gate(world, `${process} ${name}`).pipe(
      Effect.andThen(run),
      Effect.tap((answer) =>
        Effect.sync(() => {
          const text = typeof answer === "object" && answer !== null && "kind" in answer ? answer.kind : answer
          world.history[process].push(`${name} ${String(text)}`)
        })
      )
    )
  return {
    ...journal,
    claim: (request) => step("claim", journal.claim(request)),
    attempt: (lease, nonce, lasting) => step("attempt", journal.attempt(lease, nonce, lasting)),
    minted: (lease, nonce, key, lasting) => step("minted", journal.minted(lease, nonce, key, lasting)),
    delivered: (lease, nonce, key) => step("delivered", journal.delivered(lease, nonce, key)),
    abandon: (lease) => step("abandon", journal.abandon(lease))
  }
}

const runProcess = Effect.fnUntraced(function* (
  world: World,
  scenario: Scenario,
  process: Process,
  journal: Journal.Journal | undefined
) {
  const mine = journal === undefined ? undefined : gatedJournal(world, process, journal)
  const store = yield* KeyStore.make(makeDriver(world, process, scenario), {
    labelSecret: secret
  }).pipe(
    Effect.provideService(RetryPolicy, { ...defaultPolicy, initialDelay: Duration.zero, budget: Duration.hours(10) }),
    Effect.provideService(Journal.Journal, mine),
    Scope.provide(yield* Scope.make())
  )
  if (process === "B") yield* Effect.sleep(scenario.delay)
  const exit = yield* Effect.exit(store.create({ name: "ci" }, { operationId, within: scenario.within }))
  if (Exit.isSuccess(exit)) world.held.set(process, exit.value.key.id)
  world.history[process].push(Exit.isSuccess(exit) ? "returned" : "failed")
})

/** A clock that knows who sleeps until when. */
const watched = (clock: TestClock.TestClock, world: World): TestClock.TestClock => ({
  ...clock,
  sleep: (duration) =>
    Effect.suspend(() => {
      const milliseconds = Math.ceil(Duration.toMillis(duration))
      const sleeper = { due: clock.currentTimeMillisUnsafe() + milliseconds, isShort: milliseconds <= shortWait }
      world.sleepers.add(sleeper)
      return Effect.ensuring(
        clock.sleep(duration),
        Effect.sync(() => world.sleepers.delete(sleeper))
      )
    })
})

const nextDue = ({ sleepers }: World): number => Math.min(...[...sleepers].map(({ due }) => due))

const untilNextDue = (world: World) =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => TestClock.adjust(Math.max(0, nextDue(world) - now)))

const isIdle = ({ history }: World, process: string): boolean => {
  const seen = process === "A" ? history.A : history.B
  return seen.at(-1) === "returned" && !seen.some((text) => text.startsWith("create") && text !== "create answered")
}

/** Waits until every process is at a gate, asleep for longer, or over. */
const settleShort = Effect.fnUntraced(function* (world: World) {
  yield* settle
  while ([...world.sleepers].some(({ isShort }) => isShort)) {
    yield* TestClock.adjust(Duration.millis(shortWait))
    yield* settle
  }
  // What a process reads once it is over and has nothing to tidy up changes nothing for anybody.
  const idle = world.gates.find(({ label }) => label.endsWith("list") && isIdle(world, label.slice(0, 1)))
  if (idle === undefined) return
  world.gates.splice(world.gates.indexOf(idle), 1)
  idle.open()
  yield* settle
})

/** What can happen next, in a fixed order. */
const choices = (world: World, now: number): ReadonlyArray<string> => {
  const labels = world.gates.map(({ label }) => label).toSorted()
  const due = nextDue(world)
  const farthest = Math.min(now + horizon, ...world.gates.map((gate) => gate.due))
  return due <= farthest ? [...labels, "time"] : labels
}

const describe = (world: World, now: number): string =>
  JSON.stringify([
    world.history,
    world.rows.map(({ id, isLive }) => [id, isLive]),
    choices(world, now),
    [...world.sleepers].map(({ due }) => due - now).toSorted((left, right) => left - right)
  ])

/** What a run tells of each state it reached. */
interface Reached {
  readonly state: string
  readonly options: ReadonlyArray<string>
  readonly ending: Ending
}

const take = Effect.fnUntraced(function* (world: World, choice: string) {
  if (choice === "time") yield* untilNextDue(world)
  const index = world.gates.findIndex(({ label }) => label === choice)
  if (index >= 0) world.gates.splice(index, 1)[0]?.open()
  yield* settleShort(world)
})

/** Runs both processes afresh along a path of choices, and then on for as long as `next` gives another choice. */
const follow = (
  scenario: Scenario,
  path: ReadonlyArray<string>,
  next: (reached: Reached, path: ReadonlyArray<string>) => string | undefined
): Effect.Effect<void> =>
  Effect.gen(function* () {
    const world: World = {
      gates: [],
      sleepers: new Set(),
      history: { A: [], B: [] },
      rows: [],
      makers: new Map(),
      held: new Map()
    }
    const clock = yield* TestClock.testClockWith((inner) => Effect.succeed(watched(inner, world)))
    return yield* Effect.gen(function* () {
      const memory = yield* Journal.memory
      const journal = scenario.journal ? (scenario.breakJournal ?? ((kept) => kept))(memory) : undefined
      for (const process of ["A", "B"] as const) yield* Effect.forkDetach(runProcess(world, scenario, process, journal))
      yield* settleShort(world)
      for (const choice of path) yield* take(world, choice)
      const walked = [...path]
      for (;;) {
        const now = yield* Clock.currentTimeMillis
        const live = world.rows.filter(({ isLive }) => isLive).map(({ id }) => id)
        const ending = { live, held: [...world.held.values()] }
        const choice = next({ state: describe(world, now), options: choices(world, now), ending }, walked)
        if (choice === undefined) return
        walked.push(choice)
        yield* take(world, choice)
      }
    }).pipe(Effect.provideService(Clock.Clock, clock))
  }).pipe(Effect.provide(TestClock.layer({ warningDelay: "1 day" })), Effect.scoped)

const damageOf = ({ held, live }: Ending, once: boolean): ReadonlyArray<string> => [
  ...held.filter((id) => !live.includes(id)).map((id) => `${id} is held but was revoked`),
  ...live.filter((id) => !held.includes(id)).map((id) => `${id} lives but nobody holds it`),
  ...(once && live.length > 1 ? [`${live.length} live keys of one operation`] : [])
]

/** Explores a scenario to every ending. */
export const explore = Effect.fnUntraced(function* (scenario: Scenario): Effect.fn.Return<Exploration> {
  const seen = new Set<string>()
  const endings: Array<Ending> = []
  const damage: Array<string> = []
  const pending: Array<ReadonlyArray<string>> = [[]]
  const enter = ({ ending, options, state }: Reached, path: ReadonlyArray<string>): string | undefined => {
    if (seen.has(state)) return undefined
    seen.add(state)
    const [first, ...others] = options
    for (const option of others) pending.push([...path, option])
    if (first === undefined) {
      endings.push(ending)
      damage.push(...damageOf(ending, scenario.journal).map((text) => `${text}, after ${path.join(", ")}`))
    }
    return first
  }
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) yield* follow(scenario, path, enter)
  return { states: seen.size, endings, damage }
})
