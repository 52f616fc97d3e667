/** Points where a worker stops for its parent, or ends: set around the driver and the journal, which know nothing of it. */
import { DriverError, type Driver } from "@keyfold/core/Driver"
import type { Journal } from "@keyfold/core/Journal"
import { isAmbiguous } from "@keyfold/core/RetryPolicy"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type { FromWorker, Point, Trap } from "./message.ts"
import { realNow } from "./scale.ts"

/** What one operation's trap knows. */
interface Armed extends Trap {
  readonly gate: Deferred.Deferred<void>
  isSprung: boolean
  /** Set once an attempt's answer was lost, or a recovery began: what is listed or revoked from then on is about it. */
  isReconciling: boolean
}

/** The traps of one worker. */
export interface Traps {
  readonly set: (operationId: string, trap: Trap, interrupt: () => void) => void
  /** Notes that `recover` was called for an operation. */
  readonly recovering: (operationId: string) => void
  readonly go: (operationId: string) => void
  readonly aroundDriver: (driver: Driver) => Driver
  readonly aroundJournal: (journal: Journal) => Journal
}

/** Ends the process as a crash would: nothing is finalized, nothing is flushed. */
const vanish = Effect.sync(() => process.exit(0))

type Report = (message: FromWorker) => void

type At = (point: Point, operationId: string) => Effect.Effect<void>

const interrupted = (error: unknown): boolean => error instanceof DriverError && isAmbiguous(error)

/** Whether nobody knows what became of an attempt. */
const isLost = (exit: Exit.Exit<unknown, DriverError>): boolean => {
  if (Exit.isSuccess(exit)) return false
  const failure = Exit.findErrorOption(exit)
  return failure._tag === "None" || interrupted(failure.value)
}

interface Tools {
  readonly at: At
  readonly atAny: (point: Point) => Effect.Effect<void>
  readonly report: Report
  readonly armed: ReadonlyMap<string, Armed>
}

const createWith =
  ({ armed, at, report }: Tools, driver: Driver): Driver["create"] =>
  (request) => {
    const { nonce, operationId } = request
    const sent = Effect.onExit(driver.create(request), (exit) =>
      Effect.sync(() => {
        if (!isLost(exit)) return
        report({ kind: "gaveUp", operationId, nonce, at: realNow() })
        const trap = armed.get(operationId)
        if (trap !== undefined) trap.isReconciling = true
      })
    )
    // Interrupted here, the create learns of its key and of the interruption at once.
    return armed.get(operationId)?.point === "returning"
      ? Effect.uninterruptible(Effect.tap(sent, () => at("returning", operationId)))
      : sent
  }

const driverWith = (tools: Tools, driver: Driver): Driver => {
  const { atAny } = tools
  const { findOperation, list } = driver
  return {
    ...driver,
    create: createWith(tools, driver),
    revoke: (ref) => Effect.tap(driver.revoke(ref), () => Effect.andThen(atAny("revoking"), atAny("recovering"))),
    list:
      list.kind === "stream"
        ? { ...list, open: (request) => Stream.unwrap(Effect.as(atAny("looking"), list.open(request))) }
        : list,
    ...(findOperation === undefined
      ? {}
      : { findOperation: (id) => Effect.andThen(atAny("looking"), findOperation(id)) })
  }
}

const journalWith = ({ at }: Tools, journal: Journal): Journal => {
  const minted = new Set<string>()
  return {
    ...journal,
    claim: (request) =>
      Effect.tap(journal.claim(request), ({ kind }) =>
        kind === "claimed" ? at("claimed", request.operationId) : Effect.void
      ),
    minted: (lease, nonce, key, lasting) =>
      at("answered", lease.operationId).pipe(
        Effect.andThen(journal.minted(lease, nonce, key, lasting)),
        Effect.tap(() => Effect.sync(() => void minted.add(lease.operationId))),
        Effect.tap((isOurs) => (isOurs ? at("minted", lease.operationId) : Effect.void))
      ),
    delivered: (lease, nonce, key) =>
      // Without a sink nothing is written between the answer and the delivery.
      at(minted.has(lease.operationId) ? "put" : "answered", lease.operationId).pipe(
        Effect.andThen(journal.delivered(lease, nonce, key)),
        Effect.tap((isOurs) => (isOurs ? at("delivered", lease.operationId) : Effect.void))
      )
  }
}

/** Makes the traps of one worker. */
export const makeTraps = (report: Report): Traps => {
  const armed = new Map<string, Armed & { readonly interrupt: () => void }>()
  const at: At = (point, operationId) =>
    Effect.suspend(() => {
      const trap = armed.get(operationId)
      if (trap === undefined || trap.point !== point || trap.isSprung) return Effect.void
      trap.isSprung = true
      if (trap.fate === "exit") return vanish
      if (trap.fate === "interrupt") return Effect.sync(() => trap.interrupt())
      report({ kind: "at", operationId, point })
      return Deferred.await(trap.gate)
    })
  const atAny = (point: Point) =>
    Effect.suspend(() => {
      const found = [...armed].find(([, trap]) => trap.point === point && trap.isReconciling && !trap.isSprung)
      return found === undefined ? Effect.void : at(point, found[0])
    })
  const tools: Tools = { at, atAny, report, armed }
  return {
    set: (operationId, trap, interrupt) =>
      void armed.set(operationId, {
        ...trap,
        interrupt,
        gate: Deferred.makeUnsafe(),
        isSprung: false,
        isReconciling: false
      }),
    recovering: (operationId) => {
      const trap = armed.get(operationId)
      if (trap?.point === "recovering") trap.isReconciling = true
    },
    go: (operationId) => {
      const trap = armed.get(operationId)
      if (trap !== undefined) Deferred.doneUnsafe(trap.gate, Effect.void)
    },
    aroundDriver: (driver) => driverWith(tools, driver),
    aroundJournal: (journal) => journalWith(tools, journal)
  }
}
