/** Asks a gateway everything its document has, and a lot that it has not, and tells what must not have been answered. */
import * as Effect from "effect/Effect"
import { conforming, operationsOf, type Conforming } from "./Conforming.ts"
import * as FuzzRandom from "./FuzzRandom.ts"
import { describe, draw, type Made, type Side } from "./FuzzRequests.ts"
import type { Stage } from "./FuzzStage.ts"
import type { Answer } from "./World.ts"

/** What a run came to: what was violated, by which request, and how often each status was the answer. */
export interface Report {
  readonly violations: ReadonlyArray<string>
  readonly statuses: ReadonlyMap<string, number>
  readonly requests: number
}

/** What a backend that fails on purpose may be answered with. */
const simulated = /^urn:keyfold:problem:(?:backend-[a-z-]+|unavailable|timeout)$/

const failures = ({ isFaulty }: Stage, { method }: Made, { json, status, text }: Answer): ReadonlyArray<string> => {
  if (status < 500) return []
  const isSimulated = method === "HEAD" ? status > 501 : simulated.test(String(json["type"]))
  return isFaulty && isSimulated ? [] : [`a ${status}: ${text.slice(0, 300)}`]
}

/** A path that a client bent may lead to nothing, or elsewhere. */
const isUnrouted = ({ json }: Answer): boolean =>
  /^urn:keyfold:problem:(?:not-found|method-not-allowed)$/.test(String(json["type"]))

const disagreements = (judge: Conforming, made: Made, answer: Answer): ReadonlyArray<string> => {
  const allowed = (answer.headers.get("allow") ?? "").split(", ")
  if (allowed.includes(made.method)) return [`${made.method} is allowed and not served`]
  if (made.method === "HEAD") return answer.text === "" ? [] : ["an answer to HEAD has a body"]
  if (isUnrouted(answer)) return judge.ofProblem(answer)
  // Another operation, or another address, may be what the bent path means.
  if (made.isElsewhere || made.path.includes("%2F") || made.path.includes("..")) {
    return answer.status >= 400 ? judge.ofProblem(answer) : []
  }
  return judge.of(made.operation, answer)
}

const unidentified = ({ headers, json, status }: Answer): ReadonlyArray<string> => [
  ...(/^req_[\w-]+$/.test(headers.get("x-request-id") ?? "") ? [] : ["there is no request id"]),
  ...(headers.get("cache-control") === "no-store" ? [] : ["it may be stored"]),
  ...(status >= 400 && json["requestId"] !== undefined && json["requestId"] !== headers.get("x-request-id")
    ? ["the problem has another request id"]
    : [])
]

const inHeaders = ({ headers }: Answer): string => [...headers].flat().join("\n")

const leaks = ({ canaries, secrets, sides }: Stage, { side }: Made, answer: Answer): ReadonlyArray<string> => {
  const told = `${answer.text}\n${inHeaders(answer)}`
  const foreign = sides.filter((other) => other !== side)
  return [
    ...foreign.flatMap((other) =>
      [...(canaries.get(other) ?? [])].filter((canary) => told.includes(canary)).map((canary) => `tells ${canary}`)
    ),
    ...[...secrets].filter((secret) => told.includes(secret)).map(() => "tells a secret that was told before")
  ]
}

const repeats = ({ marker }: Made, { status, text }: Answer, log: string): ReadonlyArray<string> => [
  ...(status >= 400 && text.includes(marker) ? ["a problem repeats what was sent"] : []),
  ...(log.includes(marker)
    ? [`the log repeats what was sent: ${log.slice(Math.max(0, log.indexOf(marker) - 200), log.indexOf(marker) + 60)}`]
    : [])
]

const spills = ({ secrets }: Stage, log: string): ReadonlyArray<string> =>
  [...secrets].some((secret) => log.includes(secret)) ? ["the log holds a secret"] : []

const most = 200

const add = (list: Array<string>, value: unknown): void => {
  if (typeof value !== "string" || list.includes(value)) return
  list.push(value)
  if (list.length > most) list.splice(4, 1)
}

const members = (json: unknown, name: string): ReadonlyArray<unknown> => {
  const value: unknown = typeof json === "object" && json !== null ? Reflect.get(json, name) : undefined
  return Array.isArray(value) ? value : value === undefined ? [] : [value]
}

const idsIn = (json: unknown, ...names: ReadonlyArray<string>) =>
  names.flatMap((name) => members(json, name)).flatMap((found) => members(found, "id"))

/** Remembers what an answer brought to light: the next requests are about that, too, and nobody else may be told. */
const learn = ({ canaries, secrets }: Stage, side: Side, { json, status }: Answer): void => {
  if (status >= 300) return
  const known = canaries.get(side)
  const keys = idsIn(json, "key", "keys", "newKey")
  const rotations = [
    ...idsIn(json, "rotation", "rotations"),
    ...(json["step"] === undefined ? [] : members(json, "id"))
  ]
  const told = members(json, "secret")
  for (const id of keys) add(side.keys, id)
  for (const id of rotations) add(side.rotations, id)
  for (const secret of told) {
    add(side.secrets, secret)
    secrets.add(String(secret))
  }
  add(side.cursors, json["next"])
  for (const id of [...keys, ...rotations, ...told]) if (String(id).length > 8) known?.add(String(id))
}

const read = async (response: Response): Promise<Answer> => {
  const text = await response.text()
  let json = {}
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed === "object" && parsed !== null) json = parsed
  } catch {
    // What is no JSON is judged as text.
  }
  return { status: response.status, headers: response.headers, text, json }
}

const requestOf = ({ body, headers, method, path }: Made): Request | undefined => {
  try {
    const sent = typeof body === "string" ? Buffer.from(body, "utf8") : body
    return new Request(`http://gateway.test${path}`, {
      method,
      headers,
      body: sent === undefined ? null : new Blob([sent])
    })
  } catch {
    // Not everything that is odd can be sent.
    return undefined
  }
}

const ask = ({ fetch }: Pick<Stage, "fetch">, made: Made): Effect.Effect<Answer | undefined> => {
  const request = requestOf(made)
  return request === undefined ? Effect.undefined : Effect.promise(async () => read(await fetch(request)))
}

const judged = (stage: Stage, judge: Conforming, made: Made, answer: Answer): ReadonlyArray<string> => {
  const log = stage.takeLog()
  return [
    ...failures(stage, made, answer),
    ...disagreements(judge, made, answer),
    ...unidentified(answer),
    ...leaks(stage, made, answer),
    ...repeats(made, answer, log),
    ...spills(stage, log)
  ].map((violation) => `${violation}\n  ${describe(made)}\n  -> ${answer.status} ${answer.text.slice(0, 400)}`)
}

/** Asks so many requests about every operation, or until a violation is found that is looked for. */
export const fuzz = Effect.fnUntraced(function* (stage: Stage, seed: number, rounds: number, wanted?: RegExp) {
  const random = FuzzRandom.make(seed)
  const judge = conforming(stage.document)
  const violations: Array<string> = []
  const statuses = new Map<string, number>()
  let requests = 0
  stage.takeLog()
  for (const operation of Array.from({ length: rounds }, () => operationsOf(stage.document)).flat()) {
    const [first, second] = stage.sides
    const [own, other] = random.chance(0.5) ? [first, second] : [second, first]
    const pool = { document: stage.document, own, other, isSane: random.chance(0.4) }
    const made = draw(random, pool, operation)
    const answer = yield* ask(stage, made)
    if (answer === undefined) continue
    requests++
    const status = `${operation.method} ${operation.path} ${answer.status}`
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
    violations.push(...judged(stage, judge, made, answer))
    if (wanted !== undefined && violations.some((violation) => wanted.test(violation))) break
    if (made.side !== undefined) learn(stage, made.side, answer)
  }
  return { violations, statuses, requests } satisfies Report
})
