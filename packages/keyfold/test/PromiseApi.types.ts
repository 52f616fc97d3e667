/** What the types of the Promise API promise, checked by the compiler: this file is never run, it must only compile. */
/* oxlint-disable typescript/no-unnecessary-type-parameters -- type parameters are the claims here */
import type * as CoreCapabilities from "@keyfold/core/Capabilities"
import type * as Core from "@keyfold/core/ApiKey"
import type { Sink } from "@keyfold/core/Sink"
import { KeyStoreError, type Reason } from "keyfold"
import type {
  ApiKey,
  Capabilities,
  DeliveredKey,
  IssuedKey,
  Keys,
  KeySpec,
  open,
  OpenOptions,
  Store,
  TimeSpan
} from "keyfold"

/** True exactly where two types are the same, `any` and optionality told apart. */
type Same<Left, Right> = (<T>() => T extends Left ? 1 : 2) extends <T>() => T extends Right ? 1 : 2 ? true : false

/** Compiles only for `true`. */
const holds = <Claim extends true>(): Claim | undefined => undefined

declare const error: unknown
declare const store: Store
declare const sink: Sink

/** An error narrows by its class, and its reason by the tag, to the last one. */
export const narrowed = (): number | undefined => {
  if (!(error instanceof KeyStoreError)) return undefined
  holds<Same<typeof error.reason, Reason>>()
  switch (error.reason._tag) {
    case "QuotaExceeded":
      return error.reason.limit
    case "Unavailable":
      return error.reason.status
    case "NotDelivered":
      holds<Same<typeof error.reason.revoked, boolean>>()
      return undefined
    case "NotFound":
    case "Conflict":
    case "InvalidRequest":
    case "Unauthenticated":
    case "PermissionDenied":
    case "RateLimited":
    case "Timeout":
    case "Network":
    case "InvalidResponse":
    case "Unsupported":
    case "OutcomeUnknown":
      return undefined
    default:
      holds<Same<typeof error.reason, never>>()
      return undefined
  }
}

/** Only a create that does not deliver gives the secret. */
export const created = async (): Promise<void> => {
  const issued = await store.create({ name: "ci" }, { within: "5 seconds" })
  holds<Same<typeof issued, IssuedKey>>()
  const byCallback = await store.create({}, { deliver: ({ secret }) => secret.reveal() })
  holds<Same<typeof byCallback, DeliveredKey>>()
  const bySink = await store.create({}, { sink })
  holds<Same<typeof bySink, DeliveredKey>>()
  // @ts-expect-error its secret went elsewhere
  void byCallback.secret
  // @ts-expect-error one place, not two
  await store.create({}, { deliver: () => undefined, sink })
  // @ts-expect-error no unit that Keyfold knows
  await store.create({}, { within: "5 lightyears" })
  // @ts-expect-error a misspelt member
  await store.create({ expires: new Date() })
}

/** What a store gives may be passed back, and absent members may be `undefined`. */
export const passed = async (key: ApiKey, name: string | undefined): Promise<void> => {
  await store.revoke(key)
  await store.create({ name, scopes: key.scopes } satisfies KeySpec)
  for await (const each of store.list({ status: ["active"] })) holds<Same<typeof each, ApiKey>>()
}

holds<Same<Parameters<typeof open>, [fileOrOptions?: string | OpenOptions | undefined]>>()
holds<Same<ReturnType<typeof open>, Promise<Keys>>>()
holds<Same<Extract<TimeSpan, number>, number>>()

// What the core can tell, the plain models tell too.
holds<Same<keyof Capabilities, keyof CoreCapabilities.Capabilities>>()
holds<Same<keyof ApiKey, keyof Core.ApiKey>>()
