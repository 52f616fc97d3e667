/**
 * Files that secrets are delivered to.
 *
 * @since 0.1.0
 */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { link, lstat, open, unlink } from "node:fs/promises"
import { dirname, resolve } from "node:path"
import { codeOf } from "./internal/systemError.ts"
import { attempt, besides, failure, fill, ignoreFailure, synchronise } from "./internal/temporaryFile.ts"

/**
 * Holds a place for one secret: nothing is at `path` until `write` succeeds, and `write` succeeds once.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reservation {
  readonly path: string
  readonly write: (secret: Redacted.Redacted<string>) => Effect.Effect<void, ConfigurationError>
}

/**
 * Says where relative paths start: the working folder of the process when omitted.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  readonly folder?: string
}

const refuseExisting = (path: string, target: string) =>
  Effect.flatMap(
    Effect.promise(() =>
      lstat(target).then(
        () => true,
        () => false
      )
    ),
    (exists) => (exists ? Effect.fail(failure(path)({ code: "EEXIST" })) : Effect.void)
  )

const withoutHardLinks = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"])

/** For file systems without hard links: exclusive, but a crash can leave the file cut short. */
const writeDirectly = async (target: string, secret: Redacted.Redacted<string>): Promise<void> => {
  const handle = await open(target, "wx", 0o600)
  try {
    await fill(handle, Redacted.value(secret))
  } catch (error) {
    await unlink(target).catch(() => undefined)
    throw error
  } finally {
    await handle.close()
  }
}

/** A link, other than a rename, fails where the target exists. */
const publish = async (temporary: string, target: string, secret: Redacted.Redacted<string>): Promise<void> => {
  try {
    await link(temporary, target)
  } catch (error) {
    if (!withoutHardLinks.has(codeOf(error) ?? "")) throw error
    await writeDirectly(target, secret)
  }
  await unlink(temporary)
}

/**
 * Reserves a path before the secret exists, so that a path that cannot be written is known before a key is minted.
 *
 * A temporary file beside `path`, readable by its owner only (mode 0600) from its first byte, proves that the folder can
 * be written; it goes when the scope closes. `write` puts the secret at `path` in one step: complete or not at all, and
 * never over a file that is there. Errors name the path and what to do.
 *
 * @category constructors
 * @since 0.1.0
 */
export const reserve = Effect.fnUntraced(function* (
  path: string,
  options: Options = {}
): Effect.fn.Return<Reservation, ConfigurationError, Scope.Scope> {
  const target = resolve(options.folder ?? process.cwd(), path)
  yield* refuseExisting(path, target)
  const temporary = yield* besides(path, target)
  let used = false
  const write = Effect.fnUntraced(function* (
    secret: Redacted.Redacted<string>
  ): Effect.fn.Return<void, ConfigurationError> {
    // The temporary file and a published one are the same file: writing again would change it.
    if (used) return yield* failure(path)({ code: "EEXIST" })
    used = true
    yield* attempt(path, () => fill(temporary.handle, Redacted.value(secret)))
    yield* attempt(path, () => publish(temporary.path, target, secret))
    yield* ignoreFailure(() => synchronise(dirname(target)))
  }, Effect.uninterruptible)
  return { path: target, write }
})

/**
 * Writes a secret to a new file, exactly as it is and readable by its owner only.
 *
 * The file appears complete or not at all, an existing one is never overwritten, and a failure leaves nothing behind.
 *
 * @category combinators
 * @since 0.1.0
 */
export const write = Effect.fnUntraced(function* (
  path: string,
  secret: Redacted.Redacted<string>,
  options: Options = {}
): Effect.fn.Return<void, ConfigurationError, Scope.Scope> {
  const reservation = yield* reserve(path, options)
  yield* reservation.write(secret)
}, Effect.scoped)
