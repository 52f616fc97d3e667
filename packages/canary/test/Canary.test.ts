/** The scan and the recorder see where they look: a canary planted in each place is found. */
import { assert, describe, it } from "@effect/vitest"
import { recorder, scan, watch, type Finding } from "@keyfold/canary/Canary"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Tracer from "effect/Tracer"
import { Buffer } from "node:buffer"
import { inspect, type InspectOptions } from "node:util"
import { forms } from "../src/internal/forms.ts"

// The signs a secret may hold make its encoded forms differ from the raw one.
const issued = 'CANARY+issued^must&never@show$UPinANY place/"#0000000002'
const credential = "sk-CANARY-credential-must-never-show-anywhere-0000001"
// Neither its beginning nor its end is the same once it is escaped.
const signs = '"CANARY"\\must"never\\show"00000000000003"'
const canaries = [credential, issued, signs]

const search = (value: unknown): ReadonlyArray<Finding> => scan([["here", value]], canaries)

describe("the scan finds a canary planted in", () => {
  const hidden = (name: PropertyKey) =>
    Object.defineProperty(new Error("x"), name, { value: { deep: [{ deeper: issued }] }, enumerable: false })
  const circular: Record<string, unknown> = { issued }
  circular["self"] = circular
  const repeated = new Error("outer")
  repeated.cause = new Error(issued, { cause: repeated })
  class PrivateJson {
    readonly #secret = issued
    toJSON() {
      return this.#secret
    }
  }
  const mute = { [inspect.custom]: () => "nothing", toJSON: () => "nothing" }
  const unprintable = {
    toString: () => issued,
    toJSON: () => {
      throw new Error("no JSON")
    },
    [inspect.custom]: () => {
      throw new Error("no inspection")
    }
  }

  const unicode = (sign: string) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`

  const places: ReadonlyArray<readonly [what: string, value: unknown]> = [
    ["a text", `text ${issued} text`],
    ["a URL's query", new URL(`http://localhost/auth/access-token?key=${credential}`)],
    ["a request", new Request(`http://localhost/auth/access-token?key=${encodeURIComponent(issued)}`)],
    ["headers", { headers: new Headers({ "x-api-key": credential }) }],
    ["an error's message", new Error(issued)],
    ["an error's stack", Object.assign(new Error("x"), { stack: `at ${issued}` })],
    ["an error's cause", new Error("outer", { cause: new Error(issued) })],
    ["an error's own field", Object.assign(new Error("outer"), { request: { headers: { "x-api-key": issued } } })],
    ["an error's hidden field", hidden("request")],
    ["an error's field named by a symbol", hidden(Symbol("request"))],
    ["an error that causes itself", repeated],
    ["an aggregate", new AggregateError([new Error(issued)])],
    ["a deep object", { a: { b: { c: { d: { e: [issued] } } } } }],
    ["an object without prototype", Object.assign(Object.create(null), { issued })],
    ["the name of a field", { [issued]: 1 }],
    ["a hidden property", Object.defineProperty({}, "hidden", { value: issued, enumerable: false })],
    ["a symbol's property", { [Symbol("s")]: issued }],
    [
      "a getter",
      {
        get lazy() {
          return issued
        }
      }
    ],
    ["toString", { toString: () => issued }],
    ["toString, where printing fails in every other way", unprintable],
    ["toJSON", new PrivateJson()],
    ["what an object prints as", { [inspect.custom]: () => issued }],
    ["what an object hides from printing", { secret: issued, ...mute }],
    ["a map and a set", new Map([["x", new Set([issued])]])],
    ["a circular object", circular],
    ["a long array", Array.from({ length: 300 }, (_, index) => (index === 299 ? issued : index))],
    ["a long set", new Set(Array.from({ length: 300 }, (_, index) => (index === 299 ? issued : index)))],
    ["a long text in a map", new Map([["x", `${"x".repeat(20_000)}${issued}`]])],
    ["a hidden getter", Object.defineProperty({}, "lazy", { get: () => issued, enumerable: false })],
    ["a success's exit", Exit.succeed({ issued })],
    ["a failure's exit", Exit.fail(new Error(issued))],
    ["a defect", Exit.die(new Error(issued))],
    ["a cause", Cause.fail(issued)],
    ["the second reason of a cause", Cause.combine(Cause.fail("x"), Cause.die(issued))],
    ["an unwrapped secret", { secret: Redacted.value(Redacted.make(issued)) }],
    ["percent-encoding", encodeURIComponent(issued)],
    ["a query", new URLSearchParams({ key: issued }).toString()],
    ["base64", btoa(issued)],
    ["base64 behind one character", btoa(`x${issued}`)],
    ["base64 behind two characters", btoa(`xx${issued}`)],
    ["base64url", Buffer.from(issued).toString("base64url")],
    ["base64 broken into short lines", btoa(issued).replaceAll(/.{16}/g, "$&\r\n")],
    ["base64 in a query", `?state=${encodeURIComponent(btoa(`~~~???${issued}`))}`],
    ["percent-encoding of every byte, in small letters", Buffer.from(issued).toString("hex").replaceAll(/../g, "%$&")],
    ["percent-encoding that leaves signs of a URL alone", encodeURI(issued)],
    ["percent-encoding done four times", [1, 2, 3, 4].reduce((text) => encodeURIComponent(text), signs)],
    ["hexadecimal", Buffer.from(issued).toString("hex")],
    ["hexadecimal in capitals", Buffer.from(issued).toString("hex").toUpperCase()],
    ["hexadecimal with spaces", Buffer.from(issued).toString("hex").replaceAll(/../g, "$& ")],
    ["bytes", Buffer.from(`before ${issued} after`)],
    ["bytes of a view into a larger buffer", new Uint8Array(Buffer.from(`x${issued}`)).subarray(1)],
    ["a buffer", new Uint8Array(Buffer.from(`${"x".repeat(100)}${issued}`)).buffer],
    ["bytes inside an object", { deep: [Buffer.from(`${"x".repeat(100)}${issued}`)] }],
    ["an array of bytes inside an object", { deep: new Uint8Array(Buffer.from(issued)) }],
    ["bytes that are no text", Buffer.concat([Buffer.from([0, 0xff, 0xc0]), Buffer.from(issued), Buffer.from([0x80])])],
    ["a base64 text among bytes", Buffer.from(`\0\x01${btoa(issued)}\0`)],
    ["JSON that escapes every sign", `"${issued.replaceAll(/[^A-Za-z0-9]/g, (sign) => unicode(sign))}"`],
    ["JSON inside JSON inside JSON", [1, 2, 3].reduce((text) => JSON.stringify(text), signs)],
    ["JSON", JSON.stringify({ issued })],
    ["JSON inside JSON", JSON.stringify({ inner: JSON.stringify({ credential }) })],
    ["its first half only", issued.slice(0, 28)],
    ["its second half only", issued.slice(-28)]
  ]
  for (const [what, value] of places) {
    it(what, () => {
      assert.isNotEmpty(search(value))
    })
  }
})

describe("a finding", () => {
  const found = (value: unknown, canary = issued) => scan([["error", value]], [canary])

  it("says where the canary was, down the chain of causes", () => {
    const chain = [1, 2, 3].reduce((cause) => new Error("outer", { cause }), new Error(issued))
    const places = found(chain).map(({ where }) => where)
    assert.include(places, "error: cause: cause: cause by message")
    assert.notInclude(places, "error by message")
    const several = found(new AggregateError([new Error(issued)])).map(({ where }) => where)
    assert.include(several, "error: one of its errors by message")
  })

  it("names each way of printing by which alone the canary comes out", () => {
    const inspected = (isShown: (options: InspectOptions) => boolean) => ({
      [inspect.custom]: (_: number, options: InspectOptions) => (isShown(options) ? issued : "nothing")
    })
    const ways: ReadonlyArray<readonly [how: string, value: unknown]> = [
      ["String", { toString: () => issued }],
      ["JSON.stringify", { toJSON: () => issued }],
      ["util.inspect", inspected(({ showHidden }) => showHidden === true)],
      ["own inspect", inspected(({ showHidden }) => showHidden !== true)],
      ["inspect without its own say", { secret: issued, toJSON: () => "nothing", [inspect.custom]: () => "nothing" }],
      ["stack", new Proxy({}, { get: (_, name) => (name === "stack" ? issued : undefined) })],
      ["message", new Proxy({}, { get: (_, name) => (name === "message" ? issued : undefined) })]
    ]
    for (const [how, value] of ways) {
      assert.deepStrictEqual(
        found(value).map(({ where }) => where),
        [`error by ${how}`]
      )
    }
  })

  it("names what only a cause's own way of printing shows", () => {
    const named = (cause: unknown) => found(new Error("outer", { cause })).map(({ where }) => where)
    const secret = () => issued
    assert.include(named({ toString: secret }), "error: cause by String")
    assert.include(named({ toJSON: secret }), "error: cause by JSON.stringify")
    assert.include(
      found(Exit.fail({ toString: secret })).map(({ where }) => where),
      "error: cause: error by String"
    )
    assert.include(
      found(Exit.die({ toString: secret })).map(({ where }) => where),
      "error: cause: defect by String"
    )
    assert.include(
      found(Exit.succeed({ toString: secret })).map(({ where }) => where),
      "error: value by String"
    )
  })

  it("names the form, and does not repeat the canary", () => {
    const alone = (text: string) => found({ toString: () => text }).map(({ form }) => form)
    assert.deepStrictEqual(alone(issued), ["raw"])
    assert.deepStrictEqual(alone(encodeURIComponent(issued)), ["percent-encoded"])
    assert.deepStrictEqual(alone(new URLSearchParams({ end: issued.slice(-20) }).toString()), ["form-encoded"])
    assert.deepStrictEqual(alone(JSON.stringify(issued.slice(-20))), ["escaped"])
    assert.deepStrictEqual(alone(Buffer.from(issued).toString("hex")), ["hexadecimal"])
    assert.deepStrictEqual(alone(Buffer.from(issued).toString("hex").toUpperCase()), ["hexadecimal"])
    assert.deepStrictEqual(alone(Buffer.from(issued).join(", ")), ["decimal"])
    assert.deepStrictEqual(alone(encodeURI(issued)), ["percent-encoded"])
    assert.deepStrictEqual(alone(JSON.stringify(JSON.stringify(issued.slice(-20)))), ["escaped"])
    assert.deepStrictEqual(found(Buffer.from(issued)), [{ where: "error by its bytes", form: "raw" }])
    assert.deepStrictEqual(alone(btoa(issued)), ["base64"])
    assert.deepStrictEqual(alone(`${btoa(issued)} ${issued}`), ["raw"])
    const signs = "~~~???>>>~~~???>>>~~~???>>>"
    const url = scan([["error", Buffer.from(signs).toString("base64url")]], [signs])
    assert.include(
      url.map(({ form }) => form),
      "base64url"
    )
    assert.deepStrictEqual(scan([["findings", found(new Error(issued))]], [issued]), [])
  })
})

describe("the recorder keeps", () => {
  const places: ReadonlyArray<readonly [where: string, effect: Effect.Effect<unknown, unknown>]> = [
    ["log message", Effect.log(issued)],
    ["log message", Effect.logDebug({ deep: { issued } })],
    ["log message", Effect.catchCause(Effect.fail(new Error(issued)), (cause) => Effect.logInfo([cause]))],
    ["log annotations", Effect.log("x").pipe(Effect.annotateLogs("key", issued))],
    ["log spans", Effect.log("x").pipe(Effect.withLogSpan(issued))],
    ["log line", Effect.log("x").pipe(Effect.annotateLogs("key", credential))],
    ["log JSON", Effect.log("x").pipe(Effect.annotateLogs("key", credential))],
    ["log cause", Effect.logError("x", Cause.fail(new Error(issued)))],
    ["span ", Effect.void.pipe(Effect.withSpan(issued))],
    ["attributes of span", Effect.void.pipe(Effect.withSpan("x", { attributes: { key: issued } }))],
    ["attributes of span", Effect.annotateCurrentSpan("key", issued).pipe(Effect.withSpan("x"))],
    [
      "attributes of span",
      Effect.annotateCurrentSpan("key", issued).pipe(Effect.andThen(Effect.never), Effect.withSpan("x"), (unending) =>
        Effect.andThen(Effect.forkDetach(unending, { startImmediately: true }), Effect.void)
      )
    ],
    ["events of span", Effect.log(issued).pipe(Effect.withSpan("x"))],
    [
      "events of span",
      Effect.flatMap(Effect.currentSpan, (span) => Effect.sync(() => span.event("sent", 0n, { url: issued }))).pipe(
        Effect.withSpan("x")
      )
    ],
    ["status of span", Effect.ignore(Effect.withSpan(Effect.fail(new Error(issued)), "x"))],
    ["exit of span", Effect.fail(new Error(issued)).pipe(Effect.withSpan("x"))],
    ["exit of span", Effect.succeed(issued).pipe(Effect.withSpan("x"))]
  ]
  for (const [index, [where, effect]] of places.entries()) {
    it.effect(`what a canary in ${where.trim()} betrays (${index})`, () =>
      Effect.gen(function* () {
        const { layer, records } = recorder()
        yield* Effect.exit(Effect.provide(effect, layer))
        assert.isTrue(scan(records, canaries).some((finding) => finding.where.startsWith(where)))
      })
    )
  }

  it.effect("nothing where nothing is planted, and nothing of what runs outside its layer", () =>
    Effect.gen(function* () {
      const { layer, records } = recorder()
      yield* Effect.log("x", { secret: Redacted.make(issued) }).pipe(
        Effect.withSpan("x", { attributes: { secret: Redacted.make(issued) } }),
        Effect.provide(layer)
      )
      yield* Effect.succeed(issued).pipe(Effect.withSpan("outside"))
      assert.include(
        records.map(([where]) => where),
        "exit of span x"
      )
      assert.deepStrictEqual(scan(records, canaries), [])
    })
  )
})

describe("the recorder lets exporters around it go on", () => {
  it.effect("their tracer makes the spans, and their events and attributes are kept", () =>
    Effect.gen(function* () {
      const made: Array<Tracer.NativeSpan> = []
      const exporter = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          made.push(span)
          return span
        }
      })
      const { layer, records } = recorder()
      yield* Effect.log(issued).pipe(
        Effect.withSpan("x", { attributes: { issued } }),
        Effect.provide(layer),
        Effect.provideService(Tracer.Tracer, exporter)
      )
      assert.deepStrictEqual(
        made.map(({ name, status }) => [name, status._tag]),
        [["x", "Ended"]]
      )
      const wheres = scan(records, canaries).map(({ where }) => where)
      for (const where of ["attributes of span x", "events of span x"]) {
        assert.isTrue(
          wheres.some((found) => found.startsWith(where)),
          where
        )
      }
    })
  )

  it.effect("their loggers see the lines, and the console sees none", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const exporter = Logger.make(({ message }) => seen.push(message))
      const console = { ...globalThis.console, log: () => assert.fail("nothing belongs on the console") }
      const { layer } = recorder()
      yield* Effect.log("a line").pipe(
        Effect.provide(layer),
        Effect.provideService(Logger.CurrentLoggers, new Set([Logger.defaultLogger, exporter])),
        Effect.provideService(Console.Console, console)
      )
      assert.deepStrictEqual(seen, [["a line"]])
    })
  )

  it.effect("from the log level given up", () =>
    Effect.gen(function* () {
      const lines = Effect.andThen(Effect.logDebug("debug"), Effect.logError("error"))
      for (const [level, expected] of [
        ["All", ["debug", "error"]],
        ["Error", ["error"]],
        ["None", []]
      ] as const) {
        const { layer, records } = recorder(level)
        yield* Effect.provide(lines, layer)
        const messages = records.filter(([where]) => where === "log message").map(([, message]) => message)
        assert.deepStrictEqual(
          messages,
          expected.map((message) => [message])
        )
      }
      const { records } = yield* watch("quiet", Effect.void, "None")
      assert.deepStrictEqual(
        records.map(([where]) => where),
        ["exit of quiet", "value of quiet"]
      )
    })
  )
})

describe("watching an effect keeps", () => {
  const betrayed = (effect: Effect.Effect<unknown, unknown>) =>
    Effect.map(watch("call", effect), ({ exit, records }) => ({
      exit,
      places: new Set(scan(records, canaries).map(({ where }) => where.replace(/ by .*/, "")))
    }))

  it.effect("what it ends with, and what a program that logs it shows", () =>
    Effect.gen(function* () {
      const success = yield* betrayed(Effect.succeed(issued))
      assert.deepStrictEqual(success.exit, Exit.succeed(issued))
      assert.includeMembers([...success.places], ["exit of call", "value of call", "log message"])
      const failure = yield* betrayed(Effect.fail(new Error(issued)))
      assert.isTrue(Exit.isFailure(failure.exit))
      assert.includeMembers([...failure.places], ["exit of call", "error of call", "log cause"])
    })
  )

  it.effect("what it logs and traces itself, and nothing where nothing is planted", () =>
    Effect.gen(function* () {
      const traced = Effect.withSpan(Effect.log(issued), "inner", { attributes: { issued } })
      const { places } = yield* betrayed(traced)
      assert.includeMembers([...places], ["attributes of span inner", "log message"])
      assert.deepStrictEqual((yield* betrayed(Effect.succeed(Redacted.make(issued)))).places, new Set())
    })
  )
})

describe("the scan finds nothing in", () => {
  const clean: ReadonlyArray<readonly [what: string, value: unknown]> = [
    ["a redacted value", Redacted.make(issued)],
    ["a deep redacted value", { deep: [Redacted.make(credential)] }],
    ["a cause that holds a redacted value", Exit.fail(new Error("x", { cause: Redacted.make(issued) }))],
    ["a mask", "sk-****0001"],
    ["the beginning of a canary", "CANARY"],
    ["another secret", "another-secret-of-the-same-length-as-the-canary-00001"],
    ["an error", new Error("x")],
    ["the bytes of another secret", Buffer.from("another-secret-of-the-same-length-as-the-canary-00001")],
    ["signs that encode nothing", "100 % of \\ and %zz and \\u12 and \\"],
    ["null", null],
    ["undefined", undefined]
  ]
  for (const [what, value] of clean) {
    it(what, () => {
      assert.deepStrictEqual(search(value), [])
    })
  }
})

describe("a canary", () => {
  it("that is too short is refused without being repeated", () => {
    assert.throws(() => scan([], ["sk-7a9b"]), RangeError, /^a canary has 7 characters: expected 8 or more/)
    assert.throws(() => scan([], [""]), RangeError)
  })

  it("of the least length has no form that is in every text", () => {
    for (const [form, text] of forms("abcdefgh")) assert.isAtLeast(text.length, 8, form)
  })

  it("of any characters can be looked for", () => {
    for (const canary of [`${"x".repeat(19)}😀${"y".repeat(19)}`, `sk-\ud800-${"x".repeat(30)}`]) {
      assert.isNotEmpty(scan([["here", encodeURIComponent(canary.toWellFormed())]], [canary]))
    }
  })
})
