/** Drivers that let a credential or a secret out. */
import { DriverError, type Driver } from "@keyfold/core/Driver"
import { InvalidRequest, InvalidResponse, NotFound, Unavailable } from "@keyfold/core/KeyStoreError"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { credential, driverMutant, whole } from "./mutant.ts"

const secretInErrors = (driver: Driver): Driver => {
  const { verify } = driver
  return verify === undefined
    ? driver
    : {
        ...driver,
        verify: (secret) =>
          Effect.mapError(verify(secret), ({ reason, sent }) =>
            reason._tag === "Unavailable"
              ? new DriverError({
                  reason: new Unavailable({ problem: `could not verify ${Redacted.value(secret)}` }),
                  sent
                })
              : new DriverError({ reason, sent })
          )
      }
}

const credentialInErrors = (driver: Driver): Driver => ({
  ...driver,
  create: (request) =>
    Effect.mapError(driver.create(request), (error) =>
      error.reason._tag === "InvalidRequest"
        ? new DriverError({ reason: new InvalidRequest({ problem: `refused for ${credential}` }), sent: error.sent })
        : error
    )
})

const secretInLogs = (driver: Driver): Driver => ({
  ...driver,
  create: (request) =>
    Effect.tap(driver.create(request), ({ secret }) => Effect.logInfo("created", { secret: Redacted.value(secret) }))
})

const secretInSpans = (driver: Driver): Driver => ({
  ...driver,
  create: (request) =>
    Effect.tap(driver.create(request), ({ secret }) => Effect.annotateCurrentSpan("key", Redacted.value(secret)))
})

const secretInMetadata = (driver: Driver): Driver => ({
  ...driver,
  create: (request) =>
    Effect.map(driver.create(request), ({ key, secret }) => ({
      secret,
      key: { ...key, provider: { memory: { secret: Redacted.value(secret) } } }
    }))
})

const bodyInErrors = (driver: Driver): Driver => ({
  ...driver,
  revoke: (ref) =>
    Effect.mapError(driver.revoke(ref), ({ reason, sent }) =>
      reason._tag === "InvalidResponse"
        ? new DriverError({ reason: new InvalidResponse({ problem: `cannot read {"token":"${credential}"}` }), sent })
        : new DriverError({ reason, sent })
    )
})

const idInErrors = (driver: Driver): Driver => {
  const { get } = driver
  return get === undefined
    ? driver
    : {
        ...driver,
        get: (ref) =>
          Effect.mapError(get(ref), ({ reason, sent }) =>
            reason._tag === "NotFound"
              ? new DriverError({ reason: new NotFound({ problem: `there is no key ${ref.id}` }), sent })
              : new DriverError({ reason, sent })
          )
      }
}

const requestInLogs = (driver: Driver): Driver => ({
  ...driver,
  create: (request) =>
    Effect.tapError(driver.create(request), (error) =>
      Effect.logWarning("create failed", {
        error: error.reason._tag,
        request: { headers: { authorization: `Bearer ${credential}` } }
      })
    )
})

/** The mutants that let secrets out. */
export const mutants = [
  driverMutant("shows the presented secret in an error", whole, secretInErrors, [
    "secrets: an outage that echoes what it was sent is not repeated"
  ]),
  driverMutant("shows the credential in an error", whole, credentialInErrors, [
    "secrets: a refusal that echoes what it was sent is not repeated"
  ]),
  driverMutant("logs the new secret", whole, secretInLogs, [
    "secrets: nothing a successful call lets out holds a credential or a secret"
  ]),
  driverMutant("writes the new secret into a span", whole, secretInSpans, [
    "secrets: nothing a successful call lets out holds a credential or a secret"
  ]),
  driverMutant("leaves the secret in the key", whole, secretInMetadata, [
    "secrets: nothing a successful call lets out holds a credential or a secret"
  ]),
  driverMutant("quotes an unreadable answer", whole, bodyInErrors, [
    "secrets: an answer that cannot be read is not shown"
  ]),
  driverMutant("quotes the id that was not found", whole, idInErrors, [
    "secrets: a secret in place of an id or a cursor is not repeated"
  ]),
  driverMutant("logs the request that failed", whole, requestInLogs, [
    "secrets: a refusal that echoes what it was sent is not repeated",
    "secrets: an outage that echoes what it was sent is not repeated",
    "secrets: an answer that cannot be read is not shown",
    "secrets: a lost answer shows nothing",
    "secrets: a connection that fails shows nothing"
  ])
]
