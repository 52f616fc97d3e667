/** Examining one store: what can be learned from reading, and with `write` from one key that is revoked again. */
import { unmet } from "@keyfold/core/Capabilities"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { ApiKey } from "@keyfold/core/ApiKey"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as exchanges from "./exchanges.ts"
import { type Check, failure, type Finding, info, ok, rightFix, skipped, warning } from "./finding.ts"
import type { Opened, Patient } from "./patient.ts"
import { writing } from "./write.ts"

/** How a store is examined. */
export interface Manner {
  readonly write: boolean
  readonly patience: Duration.Duration
}

/** What has been found so far: what a check that takes too long has not found is lost, and nothing else. */
export type Chart = Array<Finding>

const sentence = (text: string): string => text.replace(/\.$/, "")

const credentialFix = "Check the secret that the configuration refers to, and that it belongs to this address."

const unopened = (isEmbedded: boolean, { field = "", fix, problem }: ConfigurationError): Finding => {
  const check: Check = !isEmbedded ? "configuration" : field.startsWith("pepper") ? "pepper" : "database"
  const where = field === "" || check === "pepper" ? "" : `${field}: `
  return failure(check, `${where}${sentence(problem)}`, fix ?? "See: keyfold config check --secrets")
}

const requirements = ({ driver, requirements }: Opened): Finding => {
  const missing = unmet(driver.capabilities, requirements)
  if (Object.keys(requirements).length === 0) return skipped("requirements", "the configuration requires nothing")
  return missing.length === 0
    ? ok("requirements", "the backend can do everything that is required")
    : failure(
        "requirements",
        `the backend cannot meet: ${missing.join(", ")}`,
        "Choose another backend for this store, or drop the requirement."
      )
}

const unasked = (...checks: ReadonlyArray<Check>): ReadonlyArray<Finding> =>
  checks.map((check) => skipped(check, "the backend could not be asked"))

const unreachable = (message: string): ReadonlyArray<Finding> => [
  failure("reachable", message, "Check baseUrl, the network, and a proxy or firewall in between."),
  ...unasked("credential", "role", "quota")
]

/** What a failed list says. */
const refused = ({ reason }: KeyStoreError, isIntercepted: boolean): ReadonlyArray<Finding> => {
  const reachable = ok("reachable", "something answers")
  // Whatever stands in between knows nothing of the credential.
  if (isIntercepted) return [reachable, ...unasked("credential", "role", "quota")]
  switch (reason._tag) {
    case "Network":
    case "Timeout":
      return unreachable(reason.message)
    case "Unavailable":
      return unreachable(`the backend answers that it cannot answer: ${reason.message}`)
    case "Unauthenticated":
      return [reachable, failure("credential", reason.message, credentialFix), ...unasked("role", "quota")]
    case "PermissionDenied": {
      const role = failure("role", `listing keys: ${reason.message}`, rightFix("list keys"))
      return [reachable, ok("credential", "the backend knows it"), role, ...unasked("quota")]
    }
    case "RateLimited": {
      const message = "the backend asks for fewer requests"
      const busy = warning("reachable", message, "Run the doctor again later, or set a budget for this store.")
      return [busy, ...unasked("credential", "role", "quota")]
    }
    default: {
      const fix = "Check baseUrl and the other options of this store: this is not how its backend answers."
      return [reachable, failure("answers", reason.message, fix), ...unasked("credential", "role", "quota")]
    }
  }
}

const full = 1
const nearlyFull = 0.8

const quota = ({ driver }: Opened, live: number): Finding => {
  const { quota } = driver.capabilities
  if (quota.source === "unknown") return skipped("quota", "nobody says how many keys the backend allows")
  const { limit } = quota
  const message = `${live} of ${limit} live keys`
  const fix = "Revoke keys that are not used any more, or raise the limit at the backend."
  if (live >= full * limit) return failure("quota", `${message}: no key can be created`, fix)
  return live >= nearlyFull * limit ? warning("quota", message, fix) : ok("quota", message)
}

interface Listed {
  readonly first: ApiKey | undefined
  readonly live: number
  readonly took: number
}

/** Lists keys: all where their number matters, else until there is one. */
const list = Effect.fnUntraced(function* ({ driver, store }: Opened): Effect.fn.Return<Listed, KeyStoreError> {
  const began = yield* Clock.currentTimeMillis
  let first: ApiKey | undefined
  let live = 0
  const keys = driver.capabilities.quota.source === "unknown" ? Stream.take(store.list(), 1) : store.list()
  yield* Stream.runForEach(keys, (key) =>
    Effect.sync(() => {
      first ??= key
      if (key.status !== "expired" && key.status !== "revoked") live++
    })
  )
  return { first, live, took: (yield* Clock.currentTimeMillis) - began }
})

/** Tries what only reads, on a key there is. */
const role = Effect.fnUntraced(function* ({ driver, store }: Opened, key: ApiKey | undefined) {
  const { operations } = driver.capabilities
  const tried = key === undefined ? [] : (["get", "usage"] as const).filter((name) => operations[name] === "native")
  const refusals: Array<string> = []
  for (const name of tried) {
    const call: Effect.Effect<unknown, KeyStoreError> = key === undefined ? Effect.void : store[name](key)
    const result = yield* Effect.result(call)
    const tag = result._tag === "Failure" ? result.failure.reason._tag : undefined
    if (tag === "PermissionDenied" || tag === "Unauthenticated") refusals.push(name)
  }
  if (refusals.length > 0) {
    return failure("role", `the credential may not ${refusals.join(" and ")}`, rightFix(refusals.join(" and ")))
  }
  const names = ["list", ...tried].join(", ")
  return ok("role", `allowed: ${names}; create and revoke are tried with --write only`)
})

const safety = ({ driver }: Opened): Finding => {
  switch (driver.capabilities.createSafety) {
    case "idempotent":
      return ok("marker", "the backend knows a create again by its operation id")
    case "marker":
      return skipped("marker", "whether the backend keeps marks in names shows with --write only")
    case "none":
      return info("marker", "the backend keeps no mark of a create: one whose answer is lost cannot be found again")
  }
}

const ofAnswers = (patient: Patient): ReadonlyArray<Finding> =>
  patient.isEmbedded
    ? []
    : [exchanges.address(patient.exchanges), exchanges.answers(patient.exchanges), exchanges.clock(patient.exchanges)]

/** What listing showed. Every finding is there, in whatever way the listing ended. */
const reading = Effect.fnUntraced(function* (
  chart: Chart,
  patient: Patient,
  opened: Opened
): Effect.fn.Return<boolean> {
  const listed = yield* Effect.result(list(opened))
  const ofWay = ofAnswers(patient)
  if (listed._tag === "Success") {
    const { first, live, took } = listed.success
    chart.push(
      ...(patient.isEmbedded
        ? [ok("database", "it opens and can be read"), ok("pepper", "it is the one the keys were made with")]
        : [ok("reachable", `answered within ${took} ms`), ok("credential", "the backend accepts it")]),
      ...ofWay,
      ...(patient.isEmbedded ? [] : [yield* role(opened, first)]),
      quota(opened, live)
    )
    return true
  }
  const found = patient.isEmbedded
    ? [failure("database", listed.failure.reason.message, "Check the database and that it can be read.")]
    : refused(listed.failure, exchanges.isIntercepted(patient.exchanges))
  const known = new Set(found.map(({ check }) => check))
  chart.push(...found, ...ofWay.filter(({ check, severity }) => !(known.has(check) && severity === "ok")))
  return false
})

const examination = Effect.fnUntraced(function* (chart: Chart, patient: Patient, { write }: Manner) {
  if (yield* patient.isMissing) {
    chart.push(info("database", "the database does not exist yet; the first command that opens the store makes it"))
    return
  }
  const opened = yield* patient.open
  chart.push(requirements(opened))
  const isReadable = yield* reading(chart, patient, opened)
  if (!write) chart.push(safety(opened))
  else if (isReadable) yield* writing(chart, opened)
  else chart.push(skipped("marker", "no key is created where none can be listed"))
}, Effect.scoped)

/** Examines one store, for as long as it may take; whatever is wrong is a finding. */
export const examine = Effect.fnUntraced(function* (
  patient: Patient,
  manner: Manner
): Effect.fn.Return<ReadonlyArray<Finding>> {
  const chart: Chart = []
  const outcome = yield* examination(chart, patient, manner).pipe(
    Effect.catch((error) => Effect.sync(() => void chart.push(unopened(patient.isEmbedded, error)))),
    Effect.timeoutOption(manner.patience)
  )
  if (outcome._tag === "None") {
    const limit = Duration.format(manner.patience)
    chart.push(failure("time", `not done after ${limit}`, "Check the network, or allow more time with --timeout."))
  }
  return chart
})
