/** `keyfold create`. */
import type { KeySpec } from "@keyfold/core/KeySpec"
import { generate, OperationId } from "@keyfold/core/OperationId"
import { CurrentDelivery, Delivery } from "@keyfold/core/Sink"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Shell } from "../../Shell.ts"
import { type Creation, outputSink, reportDelivery } from "../deliver.ts"
import { usage } from "../failure.ts"
import { note, warn } from "../print.ts"
import { root, type Settings } from "../root.ts"
import { deliveryFlags, inCommand, type Named, placeIn } from "../sinks.ts"
import { openConfigured } from "../stores.ts"
import { readDuration, readExpiry } from "../values.ts"

const text = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.optional)

const flags = {
  name: text("name", "TEXT", "A name for people, kept in the backend's free-text field"),
  owner: text("owner", "OWNER", "Whose key it is; the store's default owner when omitted"),
  scopes: Flag.String("scope").pipe(
    Flag.withMetavar("SCOPE"),
    Flag.withDescription("What the key may do, repeatable; the store's default scopes when omitted"),
    Flag.atLeast(0)
  ),
  noScopes: Flag.Boolean("no-scopes").pipe(
    Flag.withDescription("Ask for no scopes at all, not even the store's default ones"),
    Flag.withDefault(false),
    Flag.withoutNegation
  ),
  expires: text("expires", "WHEN", "When it ends: 12h, 30d, 2w, 2027-01-31 or 2027-01-31T12:00:00Z"),
  tags: Flag.KeyValuePair("tag").pipe(
    Flag.withMetavar("NAME=VALUE"),
    Flag.withDescription("A tag, repeatable, on backends that keep tags"),
    Flag.optional
  ),
  provider: Flag.KeyValuePair("provider").pipe(
    Flag.withMetavar("NAME=VALUE"),
    Flag.withDescription("An input that only this store's backend knows, repeatable; a text"),
    Flag.optional
  ),
  operationId: text(
    "operation-id",
    "ID",
    "Names this create, so that a script can repeat its intent; drawn when omitted"
  ),
  within: text(
    "within",
    "DURATION",
    "Give up after this long, 30s when omitted; exit code 5 if the outcome is unknown then"
  ),
  ...deliveryFlags,
  toCommand: Flag.Boolean("to-command").pipe(
    Flag.withDescription(
      "Run the command that follows -- and write the secret to its standard input; no shell reads it"
    ),
    Flag.withDefault(false),
    Flag.withoutNegation
  ),
  command: Argument.String("command").pipe(
    Argument.withDescription("With --to-command, after --: the program and its arguments"),
    Argument.variadic()
  )
}

interface Input extends Named {
  readonly name: Option.Option<string>
  readonly owner: Option.Option<string>
  readonly scopes: ReadonlyArray<string>
  readonly noScopes: boolean
  readonly expires: Option.Option<string>
  readonly tags: Option.Option<Readonly<Record<string, string>>>
  readonly provider: Option.Option<Readonly<Record<string, string>>>
  readonly operationId: Option.Option<string>
  readonly within: Option.Option<string>
  readonly toCommand: boolean
  readonly command: ReadonlyArray<string>
}

const readSpec = Effect.fnUntraced(function* (input: Input) {
  if (input.noScopes && input.scopes.length > 0) return yield* usage("--no-scopes and --scope exclude each other.")
  const spec: KeySpec = {
    ...(Option.isSome(input.name) ? { name: input.name.value } : {}),
    ...(Option.isSome(input.owner) ? { owner: input.owner.value } : {}),
    ...(input.noScopes || input.scopes.length > 0 ? { scopes: input.scopes } : {}),
    ...(Option.isSome(input.expires) ? { expiresAt: yield* readExpiry(input.expires.value) } : {}),
    ...(Option.isSome(input.tags) ? { tags: input.tags.value } : {})
  }
  return spec
})

const isOperationId = Schema.is(OperationId)

const readOperationId = (given: Option.Option<string>) => {
  if (Option.isNone(given)) return generate
  return isOperationId(given.value)
    ? Effect.succeed(given.value)
    : Effect.fail(usage("--operation-id takes 1 to 255 printable ASCII characters without spaces."))
}

const readPlace = Effect.fnUntraced(function* (input: Input) {
  const place = yield* placeIn(input)
  const [program, ...commandArguments] = input.command
  if (!input.toCommand) {
    // A stray argument is not repeated: it may be a secret.
    return program === undefined
      ? place
      : yield* usage("there is an argument too many: only --to-command takes some.", "See: keyfold create --help")
  }
  if (place !== undefined) return yield* usage("a secret goes to one place: --to-command is a place of its own.")
  return program === undefined
    ? yield* usage("--to-command needs a command.", "Example: keyfold create --to-command -- gh secret set API_KEY")
    : yield* inCommand(program, commandArguments)
})

const interrupted = ({ json, operationId, store }: Creation, { receipt }: Delivery) => {
  const what = `interrupted while operation ${operationId} was under way.`
  if (receipt !== undefined) {
    const revoke = Option.isSome(receipt.holds)
      ? ` If nobody has it: keyfold revoke ${receipt.holds.value} --store ${store.store}`
      : ""
    return warn(json, `${what} Its key was created and the secret handed over.${revoke}`)
  }
  return warn(
    json,
    store.capabilities.createSafety === "none"
      ? `${what} A key may exist whose secret is lost: look for it with keyfold list --store ${store.store} and revoke it.`
      : `${what} For up to 10 s keyfold looks for a key it may have left, and revokes it. Where that is not enough, a ` +
          `warning follows: then run keyfold recover ${operationId} --store ${store.store}`
  )
}

/** Closing the store takes its time then, and a person should know what for. */
const unknownYet = Effect.fnUntraced(function* ({ json, operationId }: Creation) {
  const { stderr } = yield* Shell
  if (!json && stderr.isTerminal) {
    yield* note(`The outcome of operation ${operationId} is unknown; keyfold looks for up to 10 s for what it left.`)
  }
})

const createIn = Effect.fnUntraced(function* (input: Input, settings: Settings) {
  const spec = yield* readSpec(input)
  const operationId = yield* readOperationId(input.operationId)
  const within = Option.isSome(input.within) ? { within: yield* readDuration("--within", input.within.value) } : {}
  const place = yield* readPlace(input)
  const { store } = yield* openConfigured(settings)
  const creation: Creation = { store, operationId, json: settings.json }
  // `deliverTo` would do, but an interruption must be told what became of the secret.
  const delivery = new Delivery(place?.sink(store) ?? outputSink(creation, yield* Shell))
  const provider = Option.isSome(input.provider) ? { provider: { [store.backend]: input.provider.value } } : {}
  const { key } = yield* store.create({ ...spec, ...provider }, { operationId, ...within }).pipe(
    Effect.provideService(CurrentDelivery, delivery),
    Effect.tapError(({ reason }) => (reason._tag === "OutcomeUnknown" ? unknownYet(creation) : Effect.void)),
    Effect.onInterrupt(() => interrupted(creation, delivery))
  )
  yield* reportDelivery(creation, key, place)
})

/** Creates a key and hands its secret over. */
export const create = Command.make(
  "create",
  flags,
  Effect.fnUntraced(function* (input) {
    yield* createIn(input, yield* root)
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Create a key. Its secret goes to exactly one place, once: to the screen, alone to a pipe (everything else goes to " +
      "stderr), into the `secret` field with --json; or to a new file, an environment file, a Kubernetes manifest, " +
      "Vault or the standard input of a command, and then nowhere else. A key whose secret cannot be handed over is " +
      "revoked again, and a create whose answer is lost leaves no key behind: see keyfold recover."
  ),
  Command.withShortDescription("Create a key and show its secret once"),
  Command.withExamples([
    { command: "keyfold create --name nightly-report --scope write --expires 30d" },
    { command: "keyfold create --name ci --secret-file ./ci.key", description: "Into a file that only you can read" },
    { command: "keyfold create --environment-file .env --variable API_KEY", description: "Into an environment file" },
    {
      command: "keyfold create --kubernetes-secret ci.yaml --secret-name ci --field API_KEY",
      description: "Into a Kubernetes manifest"
    },
    { command: "keyfold create --vault team/ci --field api_key", description: "Into HashiCorp Vault" },
    {
      command: "keyfold create --name ci --to-command -- gh secret set API_KEY",
      description: "Straight to where it is needed; the key is revoked if that fails"
    }
  ])
)
