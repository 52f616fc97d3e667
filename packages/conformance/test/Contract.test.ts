import { assert, describe, it } from "@effect/vitest"
import { cases, omissions, type Subject } from "@keyfold/conformance/Contract"
import * as KeyStore from "@keyfold/core/KeyStore"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mutants as answers } from "./mutants/answers.ts"
import { mutants as behaviours } from "./mutants/behaviours.ts"
import { mutants as declarations } from "./mutants/declarations.ts"
import { mutants as guards } from "./mutants/guards.ts"
import { mutants as listings } from "./mutants/listings.ts"
import { generous, late, marked, modest, owned, slow, uncounting } from "./mutants/modest.ts"
import { subjectOf, whole } from "./mutants/mutant.ts"
import { mutants as recovery } from "./mutants/recovery.ts"
import { mutants as safeCreate } from "./mutants/safeCreate.ts"
import { mutants as secrets } from "./mutants/secrets.ts"
import { mutants as stores } from "./mutants/stores.ts"
import { mutants as wires } from "./mutants/wires.ts"
import { arthur, occam } from "./Services.ts"
import { inProcess, memory, sqlInMemory, whylabsV0, whylabsV1 } from "./Subjects.ts"

const failing = (subject: Subject) =>
  Effect.map(
    Effect.forEach(cases(subject), ({ group, name, run }) =>
      Effect.map(Effect.exit(run), (exit) =>
        exit._tag === "Failure" ? [`${group}: ${name}: ${String(exit.cause)}`] : []
      )
    ),
    (found) => found.flat()
  )

const subjects = [memory, sqlInMemory, whylabsV0(inProcess), whylabsV1(inProcess), arthur(inProcess)].map(
  (subject) => subject as unknown as Subject
)
const everySubject = [...subjects, occam(inProcess, "apiKey", true) as unknown as Subject]

/** Real milliseconds a run of every case may take on a busy machine. */
const timeout = 60_000

const plain: Subject = { capabilities: MemoryDriver.capabilities, layer: MemoryDriver.layer() }

describe("cases", () => {
  it("have names that no other case of the group has", () => {
    for (const subject of everySubject) {
      const names = cases(subject).map(({ group, name }) => `${group}: ${name}`)
      assert.strictEqual(new Set(names).size, names.length)
    }
  })

  it.live(
    "all pass on a bare layer, without options, driver and backend",
    () => Effect.map(failing(plain), (found) => assert.deepStrictEqual(found, [])),
    timeout
  )

  it.live(
    "all pass on every good driver that mutants are made from",
    () =>
      Effect.gen(function* () {
        for (const base of [whole, modest, slow, uncounting, owned, late, marked, generous]) {
          assert.deepStrictEqual(yield* failing(subjectOf(base, (driver) => driver) as unknown as Subject), [])
        }
      }),
    timeout
  )

  it.live("give each case a store of its own", () =>
    Effect.gen(function* () {
      let built = 0
      const counting: Subject = {
        ...plain,
        layer: Layer.effect(
          KeyStore.KeyStore,
          Effect.suspend(() => {
            built += 1
            return KeyStore.make(MemoryDriver.make())
          })
        )
      }
      const some = cases(counting).slice(0, 5)
      for (const { run } of some) yield* run
      assert.strictEqual(built, 5)
    })
  )

  it.live("fail a store that never answers instead of waiting for it", () =>
    Effect.gen(function* () {
      const silent: Subject = {
        ...plain,
        layer: () => KeyStore.layer({ ...MemoryDriver.make(), create: () => Effect.never })
      }
      const [first] = cases(silent).filter(({ group }) => group === "create")
      const exit = yield* Effect.exit(first?.run ?? Effect.void)
      assert.strictEqual(exit._tag, "Failure")
    })
  )
})

describe("omissions", () => {
  it("name what a bare layer cannot be asked", () => {
    const missing = new Set(omissions(plain).flatMap(({ needs }) => needs))
    assert.sameMembers([...missing], ["backend", "options", "driver", "foreignKey", "wire", "use"])
    const whole = subjects[0] ?? plain
    const applicable = (subject: Subject) =>
      cases(subject).length + omissions(subject).reduce((sum, omission) => sum + omission.cases.length, 0)
    assert.strictEqual(applicable(plain), applicable(whole))
  })

  it("are empty for the stores of this repository but for what has no wire", () => {
    for (const subject of everySubject) {
      const missing = omissions(subject).flatMap(({ needs }) => needs)
      assert.isTrue(
        missing.every((need) => need === "wire" || need === "use"),
        missing.join(", ")
      )
    }
  })
})

describe("mutants", () => {
  const all = [
    ...answers,
    ...guards,
    ...listings,
    ...behaviours,
    ...declarations,
    ...secrets,
    ...stores,
    ...wires,
    ...safeCreate,
    ...recovery
  ]

  it("are at least twenty, each wrong in its own way", () => {
    assert.isAtLeast(all.length, 20)
    assert.strictEqual(new Set(all.map(({ wrong }) => wrong)).size, all.length)
  })

  it("are caught by every case there is: a case that no mutant fails proves nothing", () => {
    const catching = new Set(all.flatMap(({ caughtBy }) => caughtBy))
    const names = [memory, ...everySubject, ...all.map(({ subject }) => subject)].flatMap((subject) =>
      cases(subject as Subject).map(({ group, name }) => `${group}: ${name}`)
    )
    assert.deepStrictEqual(
      [...new Set(names)].filter((name) => !catching.has(name)),
      []
    )
  })
})
