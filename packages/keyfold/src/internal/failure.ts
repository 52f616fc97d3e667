/** What went wrong, for people and for programs. */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { JournalError } from "@keyfold/core/Journal"
import type { KeyStoreError, NotDelivered, Reason } from "@keyfold/core/KeyStoreError"
import type { Reason as RotationReason, RotationError } from "@keyfold/lifecycle/Rotation"
import type { SelectorError } from "@keyfold/lifecycle/Selector"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import type { Output } from "../Shell.ts"
import * as ExitCode from "./exitCode.ts"
import { stringify } from "./json.ts"
import { paint } from "./style.ts"
import { escape, wrap } from "./text.ts"

/** Fails a command for a reason that is not a store's. */
export class CommandError extends Schema.TaggedError<CommandError>("keyfold/CommandError")("CommandError", {
  exitCode: Schema.Literals([ExitCode.failed, ExitCode.usage, ExitCode.notFound, ExitCode.unsupported]),
  problem: Schema.String,
  fix: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    return this.problem
  }
}

/** Fails for a mistake on the command line. */
export const usage = (problem: string, fix?: string): CommandError =>
  new CommandError({ exitCode: ExitCode.usage, problem, ...(fix === undefined ? {} : { fix }) })

/** Everything a command may fail with. */
export type Failure = CommandError | ConfigurationError | JournalError | KeyStoreError | RotationError | SelectorError

/** A failure in the words of the command line. */
export interface Report {
  readonly exitCode: ExitCode.ExitCode
  readonly kind: string
  readonly problem: string
  /** For people: the problem and its fix in lines of their own. */
  readonly lines?: ReadonlyArray<string>
  readonly fix?: string | undefined
  readonly details: Readonly<Record<string, string | number | boolean | undefined>>
}

const flags: Readonly<Record<string, string>> = {
  name: "--name",
  owner: "--owner",
  scopes: "--scope",
  expiresAt: "--expires",
  tags: "--tag",
  within: "--within",
  operationId: "--operation-id"
}

const flagOf = (field: string): string => {
  const [provider, , name] = /^provider\.([^.]+)\.(.+)$/.exec(field) ?? []
  return provider === undefined ? (flags[field] ?? field) : `--provider ${name}`
}

const requests = (attempts: number): string =>
  attempts === 0 ? "nothing was sent" : attempts === 1 ? "1 attempt" : `${attempts} attempts`

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`)

const reasonText = ({ attempts, operation, reason }: KeyStoreError): string => {
  if (reason._tag === "Unsupported" && reason.capability === operation) return "this backend has no such operation"
  if (reason._tag === "InvalidRequest" && reason.field !== undefined && attempts === 0) {
    return `${flagOf(reason.field)}: ${reason.problem}`
  }
  return reason.message
}

const seconds = (duration: Duration.Duration): string => `${Math.ceil(Duration.toSeconds(duration))} s`

type Advice = { readonly [Tag in Reason["_tag"]]: (error: KeyStoreError) => string | undefined }

const reachable = ({ store }: KeyStoreError) =>
  `Check the address of store "${store}" in the configuration and the network, then try again.`

const recovering = ({ operationId, store }: KeyStoreError) =>
  operationId === undefined ? undefined : `keyfold recover ${operationId} --store ${store}`

const advice: Advice = {
  NotFound: ({ store }) =>
    `Check the id with: keyfold list --store ${store}. Where reads lag, a key made moments ago may not show yet.`,
  Conflict: (error) =>
    "Use a new --operation-id for a new key, or none at all." +
    (recovering(error) === undefined ? "" : ` What became of this one: ${recovering(error)}`),
  InvalidRequest: ({ store }) => `See what the store accepts with: keyfold capabilities --store ${store}`,
  Unauthenticated: ({ store }) => `Check the credential that store "${store}" refers to in the configuration.`,
  PermissionDenied: ({ store }) => `Give the credential of store "${store}" that right, or use another one.`,
  QuotaExceeded: () => "Revoke keys that are not used any more, or raise the limit at the backend.",
  RateLimited: ({ retryAfter }) =>
    retryAfter === undefined ? "Try again later." : `Try again in ${seconds(retryAfter)}.`,
  Unavailable: ({ retryAfter }) =>
    retryAfter === undefined ? "Try again later." : `Try again in ${seconds(retryAfter)}.`,
  Timeout: reachable,
  Network: reachable,
  InvalidResponse: ({ store }) =>
    `Check that the address of store "${store}" is the backend's API and not a page or a proxy in front of it.`,
  Unsupported: ({ store }) => `See what the store can do with: keyfold capabilities --store ${store}`,
  OutcomeUnknown: (error) =>
    `Do not create again yet. ${recovering(error) === undefined ? "" : `What became of it: ${recovering(error)}. `}` +
    `Without a journal or a labelSecret in the configuration nobody knows the key by its operation: look for it with ` +
    `keyfold list --store ${error.store}, and revoke it. Keep the operation id for the backend's operators.`,
  NotDelivered: ({ store, reason }) =>
    reason._tag === "NotDelivered" && reason.key !== undefined && !reason.revoked
      ? `Revoke it with: keyfold revoke ${reason.key.id} --store ${store}`
      : undefined
}

/** The key that a reason is about. */
const keyOf = (reason: Reason): string | undefined =>
  reason._tag === "Conflict" ? reason.existing?.id : reason._tag === "NotDelivered" ? reason.key?.id : undefined

const notDelivered = ({ backend, store }: KeyStoreError, { key, problem, revoked }: NotDelivered): string => {
  // A sink puts its name first, also where the sentence names the place by itself.
  const because = sentence(problem.replace(/^(.+?): (?=the \1 )/, ""))
  if (key === undefined) return `no key was created, because its secret cannot be put where it belongs: ${because}`
  const fate = revoked ? "The key was revoked." : "The key could not be revoked yet and may still be valid."
  return `key ${key.id} was created in store "${store}" (${backend}), but its secret could not be handed over: ${because} ${fate}`
}

const problemOf = (error: KeyStoreError): string => {
  const { attempts, backend, operation, reason, store } = error
  return reason._tag === "NotDelivered"
    ? notDelivered(error, reason)
    : `${operation} on store "${store}" (${backend}) failed: ${sentence(
        `${reasonText(error)} (${reason._tag}, ${requests(attempts)})`
      )}`
}

const exitCodeOf = ({ attempts, reason }: KeyStoreError): ExitCode.ExitCode => {
  switch (reason._tag) {
    case "NotFound":
      return ExitCode.notFound
    case "Unsupported":
      return ExitCode.unsupported
    case "OutcomeUnknown":
      return ExitCode.outcomeUnknown
    case "InvalidRequest":
      return attempts === 0 ? ExitCode.usage : ExitCode.failed
    case "NotDelivered":
      return reason.key === undefined ? ExitCode.usage : ExitCode.failed
    default:
      return ExitCode.failed
  }
}

const fromKeyStore = (error: KeyStoreError): Report => {
  const { attempts, backend, operation, operationId, reason, requestId, store } = error
  const named = operationId === undefined ? "" : ` Operation id: ${operationId}.`
  const asked = requestId === undefined ? "" : ` Request id: ${requestId}.`
  return {
    exitCode: exitCodeOf(error),
    kind: reason._tag,
    problem: `${problemOf(error)}${named}${asked}`,
    fix: advice[reason._tag](error),
    details: {
      store,
      backend,
      operation,
      attempts,
      retryable: error.isRetryable,
      operationId,
      requestId,
      key: keyOf(reason)
    }
  }
}

const rotationExitCode = ({ _tag }: RotationReason): ExitCode.ExitCode => {
  switch (_tag) {
    case "InvalidRequest":
    case "Unconfigured":
    case "StrandsKeys":
      return ExitCode.usage
    case "NotFound":
      return ExitCode.notFound
    case "Unsupported":
      return ExitCode.unsupported
    case "NeedsAttention":
      return ExitCode.attention
    default:
      return ExitCode.failed
  }
}

const rotationAdvice = (reason: RotationReason, id: string | undefined): string | undefined => {
  if (reason._tag === "StrandsKeys") return "Revoke those keys first, or rotate it all the same with --force."
  if (reason._tag === "NeedsAttention" && id !== undefined) {
    return `Look at it with keyfold rotations ${id}, and decide with keyfold rotations resolve ${id}.`
  }
  return reason._tag === "NotFound" && id !== undefined ? "See them all with: keyfold rotations" : undefined
}

const fromRotation = ({ reason, rotationId }: RotationError): Report => ({
  exitCode: rotationExitCode(reason),
  kind: reason._tag,
  problem: sentence(`${rotationId === undefined ? "rotations" : `rotation ${rotationId}`}: ${reason.message}`),
  fix: rotationAdvice(reason, rotationId),
  details: { rotation: rotationId }
})

/** Puts a failure into the words of the command line. */
export const report = (error: Failure): Report => {
  if (error._tag === "KeyStoreError") return fromKeyStore(error)
  if (error._tag === "RotationError") return fromRotation(error)
  if (error._tag === "CommandError") {
    const kind = error.exitCode === ExitCode.usage ? "Usage" : "Failed"
    return { exitCode: error.exitCode, kind, problem: sentence(error.problem), fix: error.fix, details: {} }
  }
  if (error._tag === "JournalError") {
    const problem = sentence(`the journal: ${error.problem}`)
    return { exitCode: ExitCode.failed, kind: "Journal", problem, details: {} }
  }
  if (error._tag === "SelectorError") {
    const { length, lines, message, position } = error
    return { exitCode: ExitCode.usage, kind: "Selector", problem: message, lines, details: { position, length } }
  }
  const { field, fix, problem, store } = error
  const where = [store === undefined ? undefined : `store "${store}"`, field].filter((part) => part !== undefined)
  return {
    exitCode: ExitCode.usage,
    kind: "Configuration",
    problem: sentence(where.length === 0 ? problem : `${where.join(", ")}: ${problem}`),
    fix,
    details: { store, field }
  }
}

/** Reports a defect without what it was about: a defect's text may hold anything. */
export const bug = {
  exitCode: ExitCode.failed,
  kind: "Bug",
  problem: "something happened that must not happen. This is a bug in keyfold, not a mistake of yours.",
  fix: "Please report it with the command you ran, without its secrets.",
  details: {}
} as const satisfies Report

/** Writes a report as one paragraph, or as one JSON object. */
export const render = (
  { details, exitCode, fix, kind, lines: given, problem }: Report,
  output: Output,
  json: boolean
): string => {
  if (json) {
    const advised = fix === undefined ? {} : { fix }
    return `${stringify({ error: { kind, message: problem, ...advised, ...details, exitCode } })}\n`
  }
  const paragraph = `${problem}${fix === undefined ? "" : ` ${sentence(fix)}`}`
  const text = `keyfold: ${given?.join("\n") ?? paragraph}`
  // A configuration's mistakes come as lines of their own, and so does what needs some; every other text is a paragraph.
  const lines = (kind === "Configuration" || given !== undefined ? text.split("\n") : [text]).map(escape)
  const fitted = output.isTerminal ? lines.flatMap((line) => wrap(line, Math.min(output.columns, 100))) : lines
  return `${paint(output, "red", "keyfold:")}${fitted.join("\n").slice("keyfold:".length)}\n`
}
