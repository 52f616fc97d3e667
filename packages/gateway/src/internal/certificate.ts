/** The certificate of the socket, which may be replaced while it is listened on. */
import { BaseFolder } from "@keyfold/core/Adapter"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { createServer, type Server, type ServerOptions } from "node:http"
import { createServer as createSecureServer } from "node:https"
import { resolve } from "node:path"
import { createSecureContext } from "node:tls"
import type { Listen } from "../Gateway.ts"

/** A server, and how it gets the certificate that its files hold by now. */
export interface Certified {
  readonly server: Server
  readonly renew: Effect.Effect<void>
}

const failure = (field: string, problem: string, fix: string) =>
  new ConfigurationError({ field: `gateway.${field}`, problem, fix })

const read = (field: string, path: string): Effect.Effect<Buffer, ConfigurationError> =>
  Effect.flatMap(BaseFolder, (folder) =>
    Effect.try({
      try: () => readFileSync(resolve(folder ?? "", path)),
      catch: () => failure(`tls.${field}`, "the file cannot be read.", "Name a PEM file that this user may read.")
    })
  )

const unfit = failure("tls", "the certificate and the key do not fit each other.", "Name a certificate and its key.")

const oldest = { minVersion: "TLSv1.2" } as const

const readBoth = Effect.fnUntraced(function* ({ certificate, key }: NonNullable<Listen["tls"]>) {
  const pair = { cert: yield* read("certificate", certificate), key: yield* read("key", key), ...oldest }
  return yield* Effect.try({ try: () => (createSecureContext(pair), pair), catch: () => unfit })
})

/** Names what a log line says, for those who look for it. */
const event = (name: string, log: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.annotateLogs(log, "keyfold.event", name)

/** Makes a server, with a certificate where one is asked for. */
export const serverOf = Effect.fnUntraced(function* (
  { tls }: Listen,
  options: ServerOptions
): Effect.fn.Return<Certified, ConfigurationError> {
  if (tls === undefined) return { server: createServer(options), renew: Effect.void }
  const folder = yield* BaseFolder
  const server = createSecureServer({ ...options, ...(yield* readBoth(tls)) })
  const renew = Effect.matchEffect(Effect.provideService(readBoth(tls), BaseFolder, folder), {
    onSuccess: (pair) => {
      server.setSecureContext(pair)
      return event("gateway.certificate.renewed", Effect.logInfo("the certificate was read again"))
    },
    onFailure: ({ message }) =>
      event("gateway.certificate.refused", Effect.logError(`the certificate stays as it was: ${message}`))
  })
  return { server, renew }
})
