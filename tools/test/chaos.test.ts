import { assert, describe, it } from "@effect/vitest"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { spawn } from "node:child_process"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { drawsOf } from "../src/chaos/draws.ts"
import { change, guardNames, guards } from "../src/chaos/guards.ts"
import type { Holder } from "../src/chaos/message.ts"
import { eachFaultOnce, planRound, type Shape } from "../src/chaos/plan.ts"
import { clockOf, realNow, toReal, toScaled } from "../src/chaos/scale.ts"
import type { LiveKey, Server } from "../src/chaos/server.ts"
import { makeTally, total } from "../src/chaos/tally.ts"
import { judge } from "../src/chaos/truth.ts"

const root = join(import.meta.dirname, "../..")

const shape: Shape = {
  backend: "arthur",
  operations: 200,
  kills: 9,
  exits: 2,
  stops: 4,
  contested: 0.12,
  interrupted: 0.04,
  isMortal: true,
  everyFault: true
}

/** Runs the command as a user would. */
const chaos = (options: string) =>
  new Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>((resolve) => {
    const main = join(root, "tools/src/chaos/main.ts")
    const child = spawn(process.execPath, ["--conditions=@keyfold/source", main, ...options.split(" ")], {
      cwd: root,
      env: { ...process.env, NODE_OPTIONS: "" }
    })
    let stdout = ""
    let stderr = ""
    child.stdout.on("data", (text: Buffer) => void (stdout += text.toString()))
    child.stderr.on("data", (text: Buffer) => void (stderr += text.toString()))
    child.once("close", (code) => resolve({ code, stdout, stderr }))
  })

const serverWith = (live: ReadonlyArray<LiveKey>): Server => ({
  url: "",
  credential: "",
  live: () => Promise.resolve(live),
  owners: (secrets) => Promise.resolve(secrets.map((secret) => secret.replace("secret of ", ""))),
  made: () => Promise.resolve(live.length),
  commits: () => new Map(),
  faults: () => new Map(),
  otherFaults: () => new Map(),
  calm: () => {},
  close: () => Promise.resolve()
})

describe("the plan of a round", () => {
  it("comes from its seed alone", () => {
    assert.deepStrictEqual(planRound(7, shape, "folder"), planRound(7, shape, "folder"))
    assert.notDeepEqual(planRound(7, shape, "folder"), planRound(8, shape, "folder"))
  })

  it("lets only processes that live through the round return secrets", () => {
    const { holders, slots } = planRound(7, shape, "folder")
    const mortal = slots.slice(2).flatMap(({ tasks }) => tasks)
    assert.isAbove(mortal.length, 50)
    assert.isTrue(mortal.every(({ operationId }) => holders.get(operationId)?.kind !== "caller"))
    assert.isTrue([...holders.values()].some(({ kind }) => kind === "caller"))
  })

  it("sets every trap it was asked for, each kind of kill at its own point", () => {
    const traps = planRound(7, shape, "folder").slots.flatMap(({ tasks }) =>
      tasks.flatMap(({ trap }) => (trap === undefined ? [] : [trap]))
    )
    const points = (fate: string) => traps.flatMap((trap) => (trap.fate === fate ? [trap.point] : []))
    assert.strictEqual(new Set(points("kill")).size, 9)
    assert.strictEqual(points("exit").length, 2)
    assert.deepStrictEqual(new Set(points("stop")), new Set(["put", "minted", "claimed", "answered"]))
  })

  it("sets no trap at a server that it does not see", () => {
    const plan = planRound(7, { ...shape, backend: "sqlite" }, "folder")
    const points = plan.slots.flatMap(({ tasks }) => tasks.map(({ trap }) => trap?.point))
    assert.notInclude(points, "arrived")
    assert.notInclude(points, "committed")
  })

  it("has every kind of fault meet a create", () => {
    const names = Array.from({ length: 40 }, (_, index) => `op-${index}`)
    assert.strictEqual(new Set(eachFaultOnce(names).values()).size, 18)
  })

  it("draws evenly, and the same for the same names", () => {
    const draws = drawsOf(3)
    const hits = Array.from({ length: 1_000 }, (_, index) => draws.chance(0.25, "x", index)).filter(Boolean).length
    assert.isAbove(hits, 200)
    assert.isBelow(hits, 300)
    assert.strictEqual(draws.whole("a", 1), drawsOf(3).whole("a", 1))
  })
})

describe("scaled time", () => {
  const scale = { origin: 1_000_000, factor: 40 }

  it("runs faster from its origin and back", () => {
    assert.strictEqual(toScaled(scale, 1_000_010), 1_000_400)
    assert.strictEqual(toReal(scale, 1_000_400), 1_000_010)
  })

  it("is off by a process's offset", () => {
    const now = { origin: realNow(), factor: 1 }
    const difference = clockOf(now, 60_000).currentTimeMillisUnsafe() - clockOf(now, 0).currentTimeMillisUnsafe()
    assert.isAbove(difference, 59_000)
    assert.isBelow(difference, 61_000)
  })
})

describe("a guard", () => {
  it("is found exactly once in the sources of today", () => {
    for (const name of guardNames) {
      for (const one of guards[name].changes) {
        const source = readFileSync(join(root, "packages", one.file), "utf8")
        assert.notStrictEqual(change(source, [one]), source)
      }
    }
  })

  it("is not removed from a source that does not have it, or has it twice", () => {
    const one = { file: "core/src/x.ts", from: "guard", to: "" }
    assert.throws(() => change("nothing", [one]), /0 places/)
    assert.throws(() => change("guard guard", [one]), /2 places/)
  })
})

describe("the truth of a round", () => {
  it("counts duplicates, keys without a holder, and holders without a key", async () => {
    const folder = mkdtempSync(join(tmpdir(), "keyfold-truth-"))
    const path = join(folder, "op-3")
    writeFileSync(path, "secret of revoked")
    const holders = new Map<string, Holder>([["op-3", { kind: "file", path }]])
    const tally = makeTally()
    tally.held.set("op-1", [{ id: "one", secret: "secret of one" }])
    const live = [
      { id: "one", operationId: "op-1" },
      { id: "two", operationId: "op-1" },
      { id: "three", operationId: "op-2" }
    ]
    const truth = await judge(serverWith(live), holders, tally, 100)
    rmSync(folder, { recursive: true })
    assert.deepInclude(truth, { duplicates: 1, orphans: 2, ghosts: 1, live: 3, held: 2 })
    assert.deepStrictEqual(truth.damaged, ["op-1", "op-2", "op-3"])
    assert.notInclude(JSON.stringify(truth), "secret of")
  })

  it("sets apart what a delivery left that outlived its lease", async () => {
    const tally = makeTally()
    tally.held.set("op-1", [{ id: "one", secret: "secret of one" }])
    tally.deliveries.set("op-1", 101)
    assert.deepInclude(await judge(serverWith([]), new Map(), tally, 100), { ghosts: 0, overrun: 1 })
  })

  it("finds nothing where every live key has its holder", async () => {
    const tally = makeTally()
    tally.held.set("op-1", [{ id: "one", secret: "secret of one" }])
    const truth = await judge(serverWith([{ id: "one", operationId: "op-1" }]), new Map(), tally, 100)
    assert.deepInclude(truth, { duplicates: 0, orphans: 0, ghosts: 0, damaged: [] })
    assert.strictEqual(
      total(
        new Map([
          ["a", 2],
          ["b", 3]
        ])
      ),
      5
    )
  })
})

describe("the command", () => {
  // The quick campaign of `.ci/run` proves both for every backend.
  if (process.env["KEYFOLD_THOROUGH"] !== undefined) {
    it("kills processes and finds nothing where every guard is in place", async () => {
      const { code, stderr, stdout } = await chaos("--backend sqlite --operations 24 --seed 5 --factor 30 --only-load")
      assert.strictEqual(code, 0, stdout + stderr)
      assert.include(stderr, "seed 5")
      assert.match(stderr, /sqlite round 1: .*[1-9]\d* kills, 0 duplicates, 0 without a holder, 0 without a key/)
      assert.match(stdout, /\| sqlite +\| 24 /)
    })

    it("fails where a guard is missing", async () => {
      const { code, stdout } = await chaos("--backend arthur --operations 40 --seed 5 --factor 30 --without journal")
      assert.strictEqual(code, 1, stdout)
      assert.include(stdout, "DAMAGE: arthur: there is damage")
    })
  }

  it("names an option it cannot use", async () => {
    const { code, stderr } = await chaos("--backend unknown")
    assert.strictEqual(code, 2)
    assert.include(
      stderr,
      '--backend takes one of whylabs-v0, whylabs-v1, arthur, occam, sqlite, postgres, got "unknown"'
    )
  })
})
