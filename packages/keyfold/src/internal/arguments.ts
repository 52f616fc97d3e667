/** Flags and arguments that several commands share. */
import { KeyId, type KeyRef } from "@keyfold/core/ApiKey"
import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"

/** The id of a key. */
export const keyId = Argument.String("id").pipe(
  Argument.withDescription("The key's id, as `keyfold list` shows it"),
  Argument.withSchema(KeyId)
)

/** Whose key it is. */
export const owner = Flag.String("owner").pipe(
  Flag.withMetavar("OWNER"),
  Flag.withDescription("The key's owner; saves a lookup on backends that keep keys by owner"),
  Flag.optional
)

/** Where a secret comes from, other than standard input. */
export const secretFrom = Flag.String("secret-from").pipe(
  Flag.withMetavar("PATH"),
  Flag.withDescription("Read the secret from this file and not from standard input"),
  Flag.optional
)

/** Points at a key. */
export const refOf = (input: { readonly id: KeyId; readonly owner: Option.Option<string> }): KeyRef => ({
  id: input.id,
  ...(Option.isSome(input.owner) ? { owner: input.owner.value } : {})
})
