/** Which credentials a request can carry. */
import { DriverError } from "@keyfold/core/Driver"
import { Unauthenticated } from "@keyfold/core/KeyStoreError"
import * as Redacted from "effect/Redacted"
import type { Credential } from "../HttpBackend.ts"

/** Tells whether headers can be sent: `fetch` would refuse any other with a message that quotes the credential. */
export const isSendable = (credential: Credential): boolean =>
  Object.values(credential).every((value) => /^[\x20-\x7e\x80-\xff]+$/.test(Redacted.value(value)))

/** What is said of one that cannot. */
export const notSendable = new DriverError({
  reason: new Unauthenticated({
    problem: "the store's credential is empty or holds a character that no header can carry, such as a line break"
  }),
  sent: "no"
})
