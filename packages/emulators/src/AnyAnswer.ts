/**
 * Answers no contract allows, drawn from a seed: what a client of any backend has to survive.
 *
 * They are real answers with damage (members dropped, added, doubled and of another type, deep nesting, huge numbers,
 * broken UTF-8, cuts at every place), any JSON, HTML, plain text, random bytes and nothing at all, each under any status
 * and with odd headers.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { damage, junk, parse, write, type Tree } from "./internal/anyAnswer/json.ts"
import { makeRandom, type Random } from "./internal/anyAnswer/random.ts"

/**
 * Holds one answer.
 *
 * `kind` says how it was made; together with the seed and the index it names a case without showing its body.
 *
 * @category models
 * @since 0.1.0
 */
export interface Answer {
  readonly kind: string
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array<ArrayBuffer>
}

/**
 * Holds a real answer to do damage to.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sample {
  readonly status: number
  readonly text: string
}

/**
 * Says what answers are drawn from.
 *
 * - `canary` stands wherever text can stand, so that a test can see what of a body gets out.
 * - `json` holds JSON texts to answer as they are, besides the ones made here.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  readonly seed: number
  readonly samples: ReadonlyArray<Sample>
  readonly canary: string
  readonly json?: ReadonlyArray<string>
}

const statuses = [
  200, 201, 202, 204, 206, 301, 302, 304, 307, 400, 401, 402, 403, 404, 405, 408, 409, 410, 415, 418, 422, 425, 429,
  451, 500, 501, 502, 503, 504, 599
]

const statusOf = (random: Random, usual: number): number => {
  const choice = random.below(20)
  if (choice < 8) return usual
  // Success is where a body is looked at most closely.
  if (choice < 15) return 200
  return choice < 18 ? random.pick(statuses) : random.between(200, 599)
}

const printable = (random: Random, longest: number): string =>
  String.fromCharCode(...Array.from({ length: random.below(longest) }, () => random.between(0x20, 0x7e))).trim()

const headersOf = (random: Random, canary: string): Readonly<Record<string, string>> => {
  const drawn: ReadonlyArray<readonly [name: string, oneIn: number, values: ReadonlyArray<string>]> = [
    [
      "content-type",
      2,
      ["application/json", "application/json; charset=latin1", "text/html", "text/plain", canary, printable(random, 30)]
    ],
    [
      "retry-after",
      3,
      ["0", "7", "-1", "1e9", "9".repeat(30), "Wed, 21 Oct 2099 07:28:00 GMT", "soon", canary, printable(random, 30)]
    ],
    [
      "x-request-id",
      3,
      ["28b6d7a8-5d0d-4a5c-9c19-8b1b3d2f6f10", `for ${canary}`, "x".repeat(5_000), printable(random, 60)]
    ],
    ["location", 20, [`https://elsewhere.test/?key=${canary}`, "//", canary]],
    ["content-length", 20, ["0", "1", "999999999", "-1", canary]]
  ]
  return Object.fromEntries(
    drawn.flatMap(([name, oneIn, values]) => (random.below(oneIn) === 0 ? [[name, random.pick(values)]] : []))
  )
}

const encoder = new TextEncoder()

const randomBytes = (random: Random, length: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length }, () => random.below(256))

/** Overwrites, drops and inserts bytes, so that little of the text's UTF-8 and JSON is left. */
const splice = (random: Random, text: string): Uint8Array<ArrayBuffer> => {
  const bytes = [...encoder.encode(text)]
  for (let edits = random.between(1, 5); edits > 0; edits--) {
    bytes.splice(random.below(bytes.length + 1), random.below(3), ...randomBytes(random, random.below(4)))
  }
  return Uint8Array.from(bytes)
}

const damaged = (random: Random, text: string, canary: string): string => {
  let tree: Tree = parse(text)
  for (let edits = random.between(1, 4); edits > 0; edits--) tree = damage(random, tree, canary)
  return write(tree)
}

const page = (random: Random, canary: string): string =>
  random.pick([
    `<html><head><title>502 Bad Gateway</title></head><body>${canary}</body></html>`,
    `<!DOCTYPE html>\n<p>${canary}</p>`,
    `  <?xml version="1.0"?><error>${canary}</error>`,
    `<script>location = "/login?next=${canary}"</script>`
  ])

const sentence = (random: Random, canary: string): string =>
  random.pick([
    canary,
    `Key limit reached for ${canary}`,
    `Not Found\n${canary}`,
    `${" ".repeat(random.below(400))}${canary}`,
    `\ufeff{}`,
    `)]}',\n{"detail":"${canary}"}`,
    `data: {"message":"${canary}"}\n\n`,
    `NaN`,
    `undefined`,
    `'${canary}'`,
    `{"detail":"${canary}",}`
  ])

/** A body of many keys or of one long text, up to about 200 KiB. */
const long = (random: Random, text: string, canary: string): string =>
  random.pick([
    () => `[${Array.from({ length: random.between(1, 400) }, () => text || "0").join(",")}]`,
    () => `{"items":[${Array.from({ length: random.between(1, 400) }, () => text || "0").join(",")}]}`,
    () => `{"detail":"${canary.repeat(random.between(1, 5_000))}"}`,
    () => `${canary} `.repeat(random.between(1, 5_000)),
    () => `${" ".repeat(random.between(1, 200_000))}${text}`
  ])()

type Body = readonly [kind: string, body: string | Uint8Array<ArrayBuffer>]

const bodyOf = (random: Random, { canary, json = [] }: Options, text: string): Body => {
  const choice = random.below(100)
  if (choice < 6) return ["a real answer", text]
  if (choice < 56) return ["a damaged answer", damaged(random, text, canary)]
  if (choice < 66) return ["an answer with other bytes", splice(random, text)]
  if (choice < 72) return ["random bytes", randomBytes(random, random.below(300))]
  if (choice < 86) return ["any JSON", json.length > 0 && choice < 80 ? random.pick(json) : write(junk(random, canary))]
  if (choice < 91) return ["a page", page(random, canary)]
  if (choice < 96) return ["plain text", sentence(random, canary)]
  if (choice < 99) return ["nothing", ""]
  return ["a long answer", long(random, text, canary)]
}

/**
 * Makes the answers of one seed, by index. The same seed, options and index give the same answer.
 *
 * The first answers are the samples cut at every place, as many as the samples have characters; the others are drawn.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): ((index: number) => Answer) => {
  const { canary, samples, seed } = options
  const cuts = samples.flatMap(({ status, text }) =>
    Array.from({ length: text.length }, (_, place): Sample => ({ status, text: text.slice(0, place) }))
  )
  return (index) => {
    const random = makeRandom(seed, index)
    const cut = cuts[index]
    const sample = random.pick(samples)
    const status = cut?.status ?? statusOf(random, sample.status)
    const headers = headersOf(random, canary)
    const [kind, body] = cut === undefined ? bodyOf(random, options, sample.text) : ["a cut answer", cut.text]
    return { kind, status, headers, body: typeof body === "string" ? encoder.encode(body) : body }
  }
}

/**
 * Holds one answer with its index.
 *
 * @category models
 * @since 0.1.0
 */
export interface Case {
  readonly index: number
  readonly answer: Answer
}

/**
 * Says what a flood runs.
 *
 * - `open` builds one client whose every request is answered with the current case, and returns what to run for a case.
 * - `judge` names how a case ended, and what was wrong with that where something was.
 *
 * @category options
 * @since 0.1.0
 */
export interface FloodOptions<A, E> {
  readonly answers: (index: number) => Answer
  readonly first: number
  readonly count: number
  readonly open: (current: () => Case) => Effect.Effect<(asked: Case) => Effect.Effect<A, E>, unknown, Scope.Scope>
  readonly judge: (exit: Exit.Exit<A, E>, asked: Case) => { readonly ending: string; readonly flaw: string | undefined }
}

/**
 * Reports a flood: how many cases ended in which way, and every case that went wrong, the one with the least body first.
 *
 * @category models
 * @since 0.1.0
 */
export interface FloodReport {
  readonly endings: ReadonlyMap<string, number>
  readonly flaws: ReadonlyArray<string>
}

interface Findings {
  readonly endings: Map<string, number>
  readonly flaws: Array<readonly [length: number, description: string]>
}

const note = ({ flaws }: Findings, { answer, index }: Case, flaw: string): void => {
  const { body, kind, status } = answer
  flaws.push([body.length, `${flaw}: case ${index}, ${kind}, status ${status}, ${body.length} bytes`])
}

const clients = 50
const longest = 5 * 60_000

const runClient = Effect.fnUntraced(function* <A, E>(
  { answers, judge, open }: FloodOptions<A, E>,
  indices: ReadonlyArray<number>,
  findings: Findings
): Effect.fn.Return<void, unknown> {
  let current: Case = { index: 0, answer: answers(0) }
  let since = yield* Clock.currentTimeMillis
  const runAll = Effect.gen(function* () {
    const run = yield* open(() => current)
    for (const index of indices) {
      current = { index, answer: answers(index) }
      since = yield* Clock.currentTimeMillis
      const exit = yield* Effect.exit(Effect.suspend(() => run(current)))
      const { ending, flaw } = judge(exit, current)
      findings.endings.set(ending, (findings.endings.get(ending) ?? 0) + 1)
      if (flaw !== undefined) note(findings, current, flaw)
    }
  })
  const watch = Effect.gen(function* () {
    while ((yield* Clock.currentTimeMillis) - since <= longest) yield* Effect.sleep("1 minute")
    note(findings, current, "no end within five minutes")
  })
  yield* Effect.raceFirst(Effect.scoped(runAll), watch)
})

/**
 * Runs cases through many clients at once, each of them one case after the other.
 *
 * It needs virtual time that passes while it runs: a case without an end is a flaw after five minutes of it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const flood = <A, E>(options: FloodOptions<A, E>): Effect.Effect<FloodReport, unknown> =>
  Effect.suspend(() => {
    const { count, first } = options
    const findings: Findings = { endings: new Map(), flaws: [] }
    const shares = Array.from({ length: Math.min(clients, count) }, (_, client) =>
      Array.from({ length: Math.ceil((count - client) / clients) }, (_, turn) => first + client + turn * clients)
    )
    const all = Effect.forEach(shares, (indices) => runClient(options, indices, findings), {
      concurrency: "unbounded",
      discard: true
    })
    return Effect.map(all, () => ({
      endings: findings.endings,
      flaws: findings.flaws.toSorted(([left], [right]) => left - right).map(([, description]) => description)
    }))
  })
