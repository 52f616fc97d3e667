import { KeyId } from "@keyfold/core/ApiKey"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { backendNames } from "../src/chaos/backend.ts"
import { change } from "../src/chaos/guards.ts"
import { leastOf, problemsOf, type Findings } from "../src/rotationCampaign/campaign.ts"
import { makeGate } from "../src/rotationCampaign/gates.ts"
import { guardNames, guards } from "../src/rotationCampaign/guards.ts"
import { fileOf } from "../src/rotationCampaign/holders.ts"
import type { House } from "../src/rotationCampaign/house.ts"
import type { FromWorker, Run } from "../src/rotationCampaign/message.ts"
import { coursesOf, passageOf, pointOf } from "../src/rotationCampaign/points.ts"
import { probe } from "../src/rotationCampaign/prober.ts"
import type { Outcome } from "../src/rotationCampaign/round.ts"

const packages = join(import.meta.dirname, "../../packages")

const run: Run = { name: "run-1", path: "whole", old: { id: KeyId.make("old") }, place: "file" }

/** A backend whose keys have their id as their secret. */
const houseWith = (live: () => ReadonlyArray<string>, letsIn: (secret: string) => boolean = () => true): House => ({
  url: "",
  credential: "",
  live: () => Promise.resolve(new Set(live())),
  idOf: (secret) => Promise.resolve(secret),
  letsIn: (secret) => Promise.resolve(letsIn(secret)),
  revocations: () => Promise.resolve(new Map()),
  keys: () => Promise.resolve(new Map()),
  learn: () => {},
  close: () => Promise.resolve()
})

const withHolder = async <A>(use: (folder: string, put: (secret: string) => void) => Promise<A>): Promise<A> => {
  const folder = mkdtempSync(join(tmpdir(), "keyfold-prober-"))
  const put = (secret: string) => writeFileSync(fileOf(folder, run), secret)
  put("old")
  try {
    return await use(folder, put)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const outcome: Outcome = {
  backend: "arthur",
  engine: "embedded",
  fate: "kill",
  runs: 1,
  processes: 2,
  endedProcesses: 1,
  ended: new Map(coursesOf("arthur").map((course) => [pointOf(course), 1])),
  statuses: new Map(),
  asked: 0,
  outages: 0,
  untracked: 0,
  unended: 0,
  early: 0,
  looks: 0,
  knocks: 0,
  details: [],
  remarks: [],
  milliseconds: 0
}

const found = (change: Partial<Outcome>): ReadonlyArray<string> => {
  const findings: Findings = { outcomes: [{ ...outcome, ...change }], guards: [], minutes: 0 }
  return problemsOf({ backends: ["arthur"], least: 1 }, findings)
}

describe("the points of the rotation campaign", () => {
  it("are ended at by one course each", () => {
    for (const backend of backendNames) {
      const points = coursesOf(backend).map(pointOf)
      assert.strictEqual(new Set(points).size, points.length, backend)
      assert.isAbove(points.length, 50, backend)
    }
  })

  it("lie at the backend where nobody hears its answer", () => {
    assert.deepStrictEqual(passageOf({ point: "mint/create.arrived" }), { call: "create", at: "arrived" })
    assert.deepStrictEqual(passageOf({ point: "revoke/revoke.committed" }), { call: "revoke", at: "committed" })
    assert.isUndefined(passageOf({ point: "mint/create" }))
    assert.isTrue(coursesOf("occam").some(({ traps }) => traps.some((trap) => passageOf(trap) !== undefined)))
    assert.isFalse(coursesOf("sqlite").some(({ traps }) => traps.some((trap) => passageOf(trap) !== undefined)))
  })
})

describe("the guards of a rotation", () => {
  it("are each found exactly once in the sources", () => {
    for (const name of guardNames) {
      const { changes, points } = guards[name]
      assert.isNotEmpty(changes, name)
      for (const one of changes) {
        const source = readFileSync(join(packages, one.file), "utf8")
        assert.notStrictEqual(change(source, [one]), source)
      }
      const whole = coursesOf("whylabs-v0").flatMap(({ path, traps }) => (path === "whole" ? [traps[0]?.point] : []))
      for (const point of points) assert.include(whole, point, name)
    }
  })
})

describe("a gate", () => {
  it.effect("holds its run at the point it is armed for, the time that counts, until it is thawed", () =>
    Effect.gen(function* () {
      const heard: Array<FromWorker> = []
      const gate = makeGate("run-1", { point: "start/claim", nth: 2 }, (message) => void heard.push(message))
      yield* gate.at(Effect.void, "claim")
      const second = yield* Effect.forkChild(gate.at(Effect.void, "claim"), { startImmediately: true })
      assert.deepStrictEqual(heard, [{ kind: "at", run: "run-1", point: "start/claim" }])
      const done = Deferred.makeUnsafe<void>()
      const later = yield* Effect.forkChild(gate.at(Deferred.succeed(done, undefined)), { startImmediately: true })
      assert.isUndefined(second.pollUnsafe())
      assert.isFalse(yield* Deferred.isDone(done))
      gate.thaw()
      yield* Fiber.join(second)
      yield* Fiber.join(later)
      assert.isTrue(yield* Deferred.isDone(done))
    })
  )
})

describe("the prober", () => {
  it("notes a holder whose key is not live", () =>
    withHolder(async (folder) => {
      let live = ["old"]
      const prober = probe(
        houseWith(() => live),
        folder,
        [run]
      )
      live = ["new"]
      const { looks, outages } = await prober.stop()
      assert.isAbove(looks, 0)
      assert.deepStrictEqual(outages, [{ run: "run-1", problem: "the holder has key old, which is not live" }])
    }))

  it("notes a holder whose key is turned away", () =>
    withHolder(async (folder) => {
      const { outages } = await probe(
        houseWith(
          () => ["old"],
          () => false
        ),
        folder,
        [run]
      ).stop()
      assert.deepStrictEqual(outages, [{ run: "run-1", problem: "the backend turns the holder's key old away" }])
    }))

  it("says nothing of a key that the holder has replaced by the time it does not work", () =>
    withHolder(async (folder, put) => {
      let live = ["old"]
      const house = houseWith(() => {
        put("new")
        live = ["new"]
        return live
      })
      assert.deepStrictEqual((await probe(house, folder, [run]).stop()).outages, [])
    }))
})

describe("the campaign", () => {
  it("fails at any damage and at any point that was missed", () => {
    assert.deepStrictEqual(found({}), [])
    for (const damage of ["outages", "untracked", "unended", "early"]) {
      assert.deepStrictEqual(found({ [damage]: 1 }), ["arthur on embedded: there is damage; "])
    }
    assert.strictEqual(found({ ended: new Map() }).length, coursesOf("arthur").length)
    assert.strictEqual(found({ fate: "stop" }).length, coursesOf("arthur").length)
    assert.strictEqual(leastOf("whylabs-v1", 50), 10)
  })

  it("fails where a guard is not missed", () => {
    const row = { guard: "custody", backend: "arthur", runs: 1, with: outcome, without: outcome } as const
    const judged = problemsOf({ backends: [], least: 1 }, { outcomes: [], guards: [row], minutes: 0 })
    assert.deepStrictEqual(judged, ["custody on arthur: the campaign does not notice that it is missing"])
    const worse = { ...row, with: { ...outcome, early: 1 }, without: { ...outcome, outages: 1 } }
    assert.deepStrictEqual(problemsOf({ backends: [], least: 1 }, { outcomes: [], guards: [worse], minutes: 0 }), [
      "custody on arthur: damage although the guard is in place"
    ])
  })
})
