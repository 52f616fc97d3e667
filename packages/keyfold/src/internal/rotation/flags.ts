/** The flags of `keyfold rotate`, and what they come to. */
import { RotationId, type Expiry, type Options } from "@keyfold/lifecycle/Rotation"
import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { KeyId } from "@keyfold/core/ApiKey"
import { owner } from "../arguments.ts"
import { type CommandError, usage } from "../failure.ts"
import { readDuration, readExpiry } from "../values.ts"

const text = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.optional)

const toggle = (name: string, description: string) =>
  Flag.Boolean(name).pipe(Flag.withDescription(description), Flag.withDefault(false), Flag.withoutNegation)

/** The flags. */
export const rotateFlags = {
  key: Argument.String("key").pipe(
    Argument.withDescription("The id of the key to replace, as `keyfold list` shows it"),
    Argument.withSchema(KeyId),
    Argument.optional
  ),
  owner,
  tenant: text("tenant", "NAME", "Whose key it is, where the store serves several tenants"),
  sink: text(
    "sink",
    "NAME",
    "Where the new secret goes: one of rotations.sinks, or NAME:KEYNAME where it has a {name}"
  ),
  overlap: text("overlap", "DURATION", "How long both keys work, such as 24h; 0s revokes the old key at once"),
  probe: text("probe", "NAME", "What tells whether the new key works: one of rotations.probes"),
  holderCheck: text(
    "holder-check",
    "NAME",
    "What tells whether its holder works with it: one of rotations.holderChecks"
  ),
  expiry: text("expiry", "WHEN", "keep (when omitted), same-lifetime, or a time such as 30d or 2027-01-31"),
  rotationId: text(
    "rotation-id",
    "ID",
    "Names this rotation, so that a script can repeat its intent; drawn when omitted"
  ),
  force: toggle("force", "Although the sink holds another key, or keys are stranded by it"),
  wait: toggle("wait", "Wait until the old key is revoked, however long the overlap is"),
  due: toggle(
    "due",
    "Rotate every key that is due by the schedules of the configuration, and go on with what is under way"
  ),
  watch: toggle("watch", "With --due: stay, and look again every hour"),
  every: text("every", "DURATION", "With --watch: look that often"),
  within: text("within", "DURATION", "Without --wait: how long to see to what is under way, 10m when omitted")
}

/** The flags as a handler reads them. */
export interface Given {
  readonly key: Option.Option<KeyId>
  readonly owner: Option.Option<string>
  readonly tenant: Option.Option<string>
  readonly sink: Option.Option<string>
  readonly overlap: Option.Option<string>
  readonly probe: Option.Option<string>
  readonly holderCheck: Option.Option<string>
  readonly expiry: Option.Option<string>
  readonly rotationId: Option.Option<string>
  readonly force: boolean
  readonly wait: boolean
  readonly due: boolean
  readonly watch: boolean
  readonly every: Option.Option<string>
  readonly within: Option.Option<string>
}

const spelled = { holderCheck: "holder-check", rotationId: "rotation-id" } as Readonly<Record<string, string>>

const example = "Example: keyfold rotate fh4dUNV3WQ --sink ci --overlap 24h, or: keyfold rotate --due"

const ofOne = ["owner", "tenant", "sink", "overlap", "probe", "holderCheck", "expiry", "rotationId"] as const

const misuse = (given: Given): CommandError | undefined => {
  if (given.due === Option.isSome(given.key)) {
    return usage(given.due ? "--due takes no key." : "name the key to rotate by its id, or ask for --due.", example)
  }
  if (given.due) {
    const stray = ofOne.find((name) => Option.isSome(given[name]))
    if (stray !== undefined) return usage(`--${spelled[stray] ?? stray} is for one key; schedules say it for --due.`)
    if (given.force || given.wait) return usage(`--${given.force ? "force" : "wait"} is for one key.`)
    return Option.isSome(given.every) && !given.watch ? usage("--every belongs to --watch.") : undefined
  }
  if (given.watch || Option.isSome(given.every)) return usage("--watch and --every belong to --due.")
  const missing = (["sink", "overlap"] as const).filter((name) => Option.isNone(given[name]))
  return missing.length === 0
    ? undefined
    : usage(`${missing.map((name) => `--${name}`).join(" and ")} must be given with a key.`, example)
}

/** Tells what is wrong with the flags together. */
export const check = (given: Given): Effect.Effect<void, CommandError> => {
  const mistake = misuse(given)
  return mistake === undefined ? Effect.void : Effect.fail(mistake)
}

const expiryOf = (given: Option.Option<string>): Effect.Effect<Expiry, CommandError> => {
  const asked = Option.getOrElse(given, () => "keep")
  if (asked === "keep") return Effect.succeed("keep")
  return asked === "same-lifetime"
    ? Effect.succeed("sameLifetime")
    : Effect.map(
        Effect.mapError(readExpiry(asked), () => usage("--expiry takes keep, same-lifetime, a duration or a time.")),
        (at) => ({ at })
      )
}

const isRotationId = Schema.is(RotationId)

const rotationIdOf = (
  given: Option.Option<string>
): Effect.Effect<{ readonly rotationId?: RotationId }, CommandError> => {
  if (Option.isNone(given)) return Effect.succeed({})
  return isRotationId(given.value)
    ? Effect.succeed({ rotationId: given.value })
    : Effect.fail(usage("--rotation-id takes 1 to 100 printable ASCII characters without spaces."))
}

/** Reads a flag that takes a duration, where it is given. */
export const optionalDuration = (flag: string, given: Option.Option<string>) =>
  Option.isSome(given) ? readDuration(flag, given.value) : Effect.undefined

/** Reads what the flags say about one rotation, but for its store, its tenant and its sink. */
export const readRequest = Effect.fnUntraced(function* (
  given: Given
): Effect.fn.Return<Omit<Options, "store" | "tenant" | "sink">, CommandError> {
  return {
    overlap: yield* readDuration(
      "--overlap",
      Option.getOrElse(given.overlap, () => "")
    ),
    ...(Option.isSome(given.probe) ? { probe: given.probe.value } : {}),
    ...(Option.isSome(given.holderCheck) ? { holderCheck: given.holderCheck.value } : {}),
    expiry: yield* expiryOf(given.expiry),
    force: given.force,
    ...(yield* rotationIdOf(given.rotationId))
  }
})
