/** The gateway, which is a package of its own: loaded where it is installed. */
import type { GatewayDefinition } from "@keyfold/config/Configuration"
import type { GatewaySettings } from "@keyfold/config/GatewaySettings"
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type * as Gateway from "@keyfold/gateway/Gateway"
import * as Effect from "effect/Effect"
import { type CommandError, usage } from "./failure.ts"
import { beforePackage } from "./handOver.ts"

type GatewayModule = typeof Gateway

const isMissing = (error: unknown): boolean =>
  error instanceof Error &&
  Reflect.get(error, "code") === "ERR_MODULE_NOT_FOUND" &&
  error.message.includes("@keyfold/gateway")

const missing = usage("the gateway is not installed.", "Install it beside keyfold: npm install @keyfold/gateway")

/** Loads the gateway, or tells how to install it. */
export const loadGateway: Effect.Effect<GatewayModule, CommandError> = beforePackage.pipe(
  Effect.andThen(
    Effect.tryPromise({ try: () => import("@keyfold/gateway/Gateway"), catch: (error): unknown => error })
  ),
  Effect.catch((error) => (isMissing(error) ? Effect.fail(missing) : Effect.die(error)))
)

const unwritten = usage(
  "the configuration says nothing of a gateway.",
  "keyfold gateway init writes what is missing, and makes the first key."
)

/** The settings of the file's gateway, or how to write some. */
export const settingsOf = (
  definition: GatewayDefinition | undefined
): Effect.Effect<GatewaySettings, CommandError | ConfigurationError> =>
  definition === undefined ? Effect.fail(unwritten) : definition.settings
