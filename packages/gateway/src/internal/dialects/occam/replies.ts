/** The errors of the protocol. */
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import { detail, type Problem } from "../fastapi.ts"
import type { Voice } from "../mount.ts"
import type { Refusal, Reply } from "../reply.ts"
import { retryAfter } from "../retryAfter.ts"

/** Refuses with the array that complaints about a request become. */
export const unprocessable = (problems: ReadonlyArray<Problem>): Refusal =>
  detail(
    422,
    problems.map(({ loc, msg, type }) => ({ type, loc: [...loc], msg }))
  )

/** No such key. */
export const unknownKey: Refusal = detail(404, "API key not found")

/** The store does not count. */
export const noUsage: Refusal = detail(501, "Usage of API keys is not available")

/** No grant allows it. */
export const forbidden: Reply = detail(403, "Not enough permissions").reply

/** A key, or a user name and a password, that nobody has. */
export const wrongCredential: Refusal = detail(400, "Incorrect email or password")

const broken: Reply = {
  status: 500,
  headers: { "content-type": "text/plain; charset=utf-8" },
  body: "Internal Server Error"
}

const failed = ({ reason }: KeyStoreError): Reply => {
  switch (reason._tag) {
    case "QuotaExceeded":
      return detail(403, "API key limit reached").reply
    case "InvalidRequest":
      return unprocessable([{ type: "value_error", loc: ["body", reason.field ?? "name"], msg: reason.problem }]).reply
    case "Unsupported":
      return detail(501, reason.message).reply
    default:
      return broken
  }
}

/** Says what every protocol has to say. */
export const voice: Voice = {
  failed,
  limited: (time) => detail(429, "Too many requests", retryAfter(time)).reply,
  broken
}
