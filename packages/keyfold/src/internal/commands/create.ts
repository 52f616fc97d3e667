/** `keyfold create`. */
import type { KeySpec } from "@keyfold/core/KeySpec"
import { generate, OperationId } from "@keyfold/core/OperationId"
import type { Reservation } from "@keyfold/node/SecretFile"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Shell } from "../../Shell.ts"
import { deliver } from "../deliver.ts"
import { usage } from "../failure.ts"
import { note } from "../print.ts"
import { root, type Settings } from "../root.ts"
import { openStore } from "../stores.ts"
import { readExpiry, readWithin } from "../values.ts"

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
  secretFile: text(
    "secret-file",
    "PATH",
    "Write the secret to this new file, readable by you only, and print it nowhere"
  )
}

interface Input {
  readonly name: Option.Option<string>
  readonly owner: Option.Option<string>
  readonly scopes: ReadonlyArray<string>
  readonly noScopes: boolean
  readonly expires: Option.Option<string>
  readonly tags: Option.Option<Readonly<Record<string, string>>>
  readonly provider: Option.Option<Readonly<Record<string, string>>>
  readonly operationId: Option.Option<string>
  readonly within: Option.Option<string>
  readonly secretFile: Option.Option<string>
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

const reserve = Effect.fnUntraced(function* (path: Option.Option<string>) {
  if (Option.isNone(path)) return undefined
  const { folder } = yield* Shell
  const SecretFile = yield* Effect.promise(() => import("@keyfold/node/SecretFile"))
  const reservation: Reservation = yield* SecretFile.reserve(path.value, { folder })
  return reservation
})

const createIn = Effect.fnUntraced(function* (input: Input, settings: Settings) {
  const spec = yield* readSpec(input)
  const operationId = yield* readOperationId(input.operationId)
  const within = Option.isSome(input.within) ? { within: yield* readWithin(input.within.value) } : {}
  // Before anything is created, so that no key is made whose secret cannot be stored.
  const reservation = yield* reserve(input.secretFile)
  const store = yield* openStore(settings)
  const interrupted = note(
    `keyfold: interrupted while operation ${operationId} was under way. A key may exist whose secret is lost: look for it ` +
      `with keyfold list --store ${store.store} and revoke it.`
  )
  const provider = Option.isSome(input.provider) ? { provider: { [store.backend]: input.provider.value } } : {}
  yield* Effect.uninterruptibleMask((restore) =>
    restore(store.create({ ...spec, ...provider }, { operationId, ...within })).pipe(
      Effect.onInterrupt(() => interrupted),
      Effect.flatMap((issued) => deliver({ store, issued, operationId, reservation, json: settings.json }))
    )
  )
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
      "stderr), into the `secret` field with --json, or to a new file with --secret-file and then nowhere else. A key " +
      "whose secret cannot be handed over is revoked again."
  ),
  Command.withShortDescription("Create a key and show its secret once"),
  Command.withExamples([
    { command: "keyfold create --name nightly-report --scope write --expires 30d" },
    { command: "keyfold create --name ci --secret-file ./ci.key", description: "Into a file that only you can read" },
    { command: "keyfold create --name ci | gh secret set API_KEY", description: "Straight to where it is needed" }
  ])
)
