/**
 * A first configuration, written for the user.
 *
 * @since 0.1.0
 */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as SecretFile from "@keyfold/node/SecretFile"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { randomBytes } from "node:crypto"
import { existsSync } from "node:fs"
import { appendFile, mkdir, unlink, writeFile } from "node:fs/promises"
import { homedir } from "node:os"
import { dirname, join, relative, resolve } from "node:path"
import { added, database as gatewayDatabase, type Added } from "./internal/gatewayText.ts"
import { fileNames, read } from "./internal/locate.ts"
import { installedAt } from "./internal/packages.ts"
import { starterFile } from "./internal/starter.ts"

/**
 * Says where the first configuration goes.
 *
 * - `folder`: the folder of the file and the databases; the working folder when omitted.
 * - `pepperFile`: where the pepper goes, outside that folder. When omitted it is `keyfold/pepper-<random>` in
 *   `XDG_CONFIG_HOME`, or in `.config` of the home folder. The journal's secret goes beside it, `-journal` added to the
 *   name.
 * - `env`: the environment variables; those of the process when omitted.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  readonly folder?: string
  readonly pepperFile?: string
  readonly env?: Readonly<Record<string, string | undefined>>
}

/**
 * Names the files that were written.
 *
 * @category models
 * @since 0.1.0
 */
export interface Written {
  readonly configuration: string
  readonly pepper: string
  readonly journalSecret: string
}

const database = "keyfold.db"
const journal = "keyfold-journal.db"

const refuse = (problem: string, fix: string) => Effect.fail(new ConfigurationError({ problem, fix }))

const databases = [
  { file: database, secret: "pepper opens it" },
  { file: journal, secret: "secret fits it" }
] as const

const checkFolder = (folder: string): Effect.Effect<void, ConfigurationError> => {
  const taken = databases.find(({ file }) => existsSync(join(folder, file)))
  const existing = fileNames.find((name) => existsSync(join(folder, name)))
  if (existing !== undefined) {
    return refuse(`${existing} exists already and is not overwritten.`, "Edit it, or start in another folder.")
  }
  return taken === undefined
    ? Effect.void
    : refuse(`${taken.file} exists already, and only its own ${taken.secret}.`, "Write the configuration by hand.")
}

const ownFile = (name: string, env: NonNullable<Options["env"]>): string => {
  const home = env["XDG_CONFIG_HOME"] ?? ""
  const base = home === "" ? join(env["HOME"] ?? homedir(), ".config") : home
  return resolve(base, "keyfold", `${name}-${randomBytes(6).toString("hex")}`)
}

const pepperPath = (folder: string, { env = process.env, pepperFile }: Options): string =>
  pepperFile === undefined ? ownFile("pepper", env) : resolve(folder, pepperFile)

const checkPepper = (folder: string, pepper: string): Effect.Effect<void, ConfigurationError> =>
  dirname(pepper) === folder
    ? refuse(
        "the pepper would lie beside the database, where one copy takes both.",
        "Choose a path outside the database's folder."
      )
    : Effect.void

const writing = <A>(path: string, run: () => Promise<A>): Effect.Effect<A, ConfigurationError> =>
  Effect.tryPromise({
    try: run,
    catch: (error) => {
      const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error"
      const fix = "Check the path and the rights on its folder."
      return new ConfigurationError({ problem: `${path} could not be written (${code}).`, fix })
    }
  })

/** The way from a folder to the schema of the file: where this package is installed, or would be. */
const schemaFrom = (folder: string): string => {
  const name = "@keyfold/config"
  const installed = installedAt(name, folder) ?? join(folder, "node_modules", name)
  const way = relative(folder, join(installed, "schema/keyfold.schema.json")).replaceAll("\\", "/")
  return way.startsWith("..") ? way : `./${way}`
}

const randomSecret = (label: string) => Redacted.make(randomBytes(48).toString("base64url"), { label })

/** Takes back a file that was written, where what follows fails. */
const orRemove =
  (path: string) =>
  <A, E>(next: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.onError(next, () => Effect.promise(() => unlink(path).catch(() => undefined)))

/**
 * Writes `keyfold.yaml` with an embedded store and a journal, a random pepper and the journal's secret, which only their
 * owner can read.
 *
 * Its first line tells editors where the schema of the file is. Nothing is overwritten, and a failure leaves no file
 * behind. Losing the pepper kills every key of the database.
 *
 * @category constructors
 * @since 0.1.0
 */
export const initialize = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<Written, ConfigurationError> {
  const folder = resolve(options.folder ?? process.cwd())
  const configuration = join(folder, fileNames[0])
  const pepper = pepperPath(folder, options)
  const journalSecret = `${pepper}-journal`
  yield* checkFolder(folder)
  yield* checkPepper(folder, pepper)
  yield* writing(dirname(pepper), () => mkdir(dirname(pepper), { recursive: true, mode: 0o700 }))
  const text = starterFile({ database, pepper, journal, journalSecret, schema: schemaFrom(folder) })
  const writeText = writing(configuration, () => writeFile(configuration, text, { flag: "wx" }))
  const writeJournalSecret = SecretFile.write(journalSecret, randomSecret("journal secret"))
  yield* SecretFile.write(pepper, randomSecret("pepper")).pipe(
    Effect.andThen(Effect.andThen(writeJournalSecret, writeText.pipe(orRemove(journalSecret))).pipe(orRemove(pepper))),
    Effect.uninterruptible
  )
  return { configuration, pepper, journalSecret }
})

/**
 * Says which configuration gets a gateway: `file`, or the one that is found from the folder and the environment as
 * `Configuration` does.
 *
 * @category options
 * @since 0.1.0
 */
export interface GatewayOptions extends Pick<Options, "folder" | "env"> {
  readonly file?: string
}

/**
 * Names what was added for a gateway: the file that was written to, the pepper, and the tenant that the file has from now
 * on, where it had none.
 *
 * @category models
 * @since 0.1.0
 */
export interface GatewayWritten {
  readonly configuration: string
  readonly pepper: string
  readonly tenant?: string
}

/** What a configuration in this text would have added; undefined where it has a gateway. */
const missingIn = (text: string, pepper: string): Effect.Effect<Added | undefined, ConfigurationError> => {
  const found = added(text, pepper)
  return found === "unclear"
    ? refuse(
        "a gateway cannot be added to this configuration, which is not a plain YAML mapping.",
        'Write the member by hand: gateway: { url: "sqlite:keyfold-gateway.db", pepper: { file: path } }.'
      )
    : Effect.succeed(found)
}

/**
 * Adds to a configuration what `keyfold serve` needs: the member `gateway` with a database and a random pepper, which only
 * its owner can read, and one tenant for the default store where the file has no tenants.
 *
 * What stands in the file stays as it is. Undefined, and nothing written, where it has a gateway. It fails where the file
 * is not a plain YAML mapping.
 *
 * @category constructors
 * @since 0.1.0
 */
export const addGateway = Effect.fnUntraced(function* ({
  env = process.env,
  file,
  folder = process.cwd()
}: GatewayOptions = {}): Effect.fn.Return<GatewayWritten | undefined, ConfigurationError> {
  const { path, text } = yield* read(resolve(folder), file, env)
  const pepper = ownFile("gateway-pepper", env)
  const missing = yield* missingIn(text, pepper)
  if (missing === undefined) return undefined
  if (existsSync(join(dirname(path), gatewayDatabase))) {
    const problem = `${gatewayDatabase} exists already, and only its own pepper opens it.`
    return yield* refuse(problem, "Write the member gateway by hand.")
  }
  yield* writing(dirname(pepper), () => mkdir(dirname(pepper), { recursive: true, mode: 0o700 }))
  yield* SecretFile.write(pepper, randomSecret("pepper")).pipe(
    Effect.andThen(writing(path, () => appendFile(path, missing.text)).pipe(orRemove(pepper))),
    Effect.uninterruptible
  )
  return { configuration: path, pepper, ...(missing.tenant === undefined ? {} : { tenant: missing.tenant }) }
})
