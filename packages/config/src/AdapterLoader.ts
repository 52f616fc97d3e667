/**
 * Adapters by name.
 *
 * @since 0.1.0
 */
import { isAdapter, type Adapter } from "@keyfold/core/Adapter"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { pathToFileURL } from "node:url"
import { entryOf, folderOf, placeFrom, secondCopies, withPlacesFrom } from "./internal/packages.ts"
import { didYouMean, nearest } from "./internal/spelling.ts"

/**
 * Describes an adapter whatever its options are.
 *
 * @category models
 * @since 0.1.0
 */
export type AnyAdapter = Pick<Adapter<never>, "name" | "capabilities" | "driver">

/**
 * Says where adapters come from: those the program carries, by short name, else packages as seen from `folder`.
 *
 * With `allowed` every adapter whose name is not among them is refused, before anything of its package runs.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  readonly folder: string
  readonly builtIn?: Readonly<Record<string, AnyAdapter>>
  readonly allowed?: ReadonlyArray<string>
}

const firstParty = ["arthur", "occam", "sql", "whylabs"]
const shortName = /^[a-z][a-z0-9]*$/
const packagePattern = /^(?:@[a-z0-9][a-z0-9._-]*\/)?[a-z0-9][a-z0-9._-]*$/

/**
 * Tells the npm package of an adapter: lower-case letters and digits name one of ours, `@keyfold/<name>`; every other
 * name is the package's own.
 *
 * @category combinators
 * @since 0.1.0
 */
export const packageName = (name: string): string => (shortName.test(name) ? `@keyfold/${name}` : name)

const shortNameOf = (name: string): string => name.replace(/^@keyfold\//, "")

const notInstalled = (name: string, { builtIn = {}, folder }: Options): ConfigurationError => {
  const known = [...new Set([...Object.keys(builtIn), ...firstParty])]
  const wanted = packageName(name)
  const guess = known.includes(shortNameOf(name)) ? undefined : nearest(name, known)
  if (guess !== undefined) {
    return new ConfigurationError({ problem: `there is no adapter "${name}".`, fix: `Did you mean "${guess}"?` })
  }
  return folderOf(wanted, folder) === undefined
    ? new ConfigurationError({
        problem: `the package ${wanted} is not installed.`,
        fix: `In the folder of this file, run: npm install ${wanted}`
      })
    : new ConfigurationError({
        problem: `the package ${wanted} is installed, but has no file that can be imported.`,
        fix: "Install it again, or tell its authors."
      })
}

const notAnAdapter = (wanted: string, reason: string): ConfigurationError =>
  new ConfigurationError({
    problem: `the package ${wanted} is not an adapter: ${reason}.`,
    fix: "Name a package that exports an adapter made with @keyfold/core/Adapter."
  })

const notAllowed = (name: string, allowed: ReadonlyArray<string>): ConfigurationError =>
  new ConfigurationError({
    problem: `the adapter "${name}" is not among those that this file may load.${didYouMean(name, allowed)}`,
    fix:
      allowed.length === 0
        ? "Add it to adapters, which names none."
        : `Name one of them, ${allowed.join(", ")}, or add it to adapters.`
  })

const checkCopies = (wanted: string, entry: string, folder: string): Effect.Effect<void, ConfigurationError> => {
  const [copy] = secondCopies(entry)
  return copy === undefined
    ? Effect.void
    : Effect.fail(
        new ConfigurationError({
          problem:
            `the adapter ${wanted} uses a second copy of ${copy.packageName}: ` +
            `it has ${placeFrom(folder, copy.theirs)}, this program has ${placeFrom(folder, copy.ours)}.`,
          fix:
            "Both must use one copy: install keyfold and the adapter together in the folder of this file, and run npm " +
            "dedupe there."
        })
      )
}

const adaptersIn = (module: object): ReadonlyArray<unknown> => {
  if (Predicate.hasProperty(module, "adapter")) return [module.adapter]
  const inside = Object.values(module).flatMap((member: unknown) =>
    Predicate.hasProperty(member, "adapter") && isAdapter(member.adapter) ? [member.adapter] : []
  )
  return [...new Set(inside)]
}

const isComplete = (adapter: Adapter<unknown>): boolean =>
  typeof adapter.name === "string" &&
  Schema.isSchema(adapter.options) &&
  [adapter.capabilities, adapter.driver, adapter.layer].every((part) => typeof part === "function")

const importModule = (wanted: string, entry: string, folder: string): Effect.Effect<object, ConfigurationError> =>
  Effect.tryPromise({
    try: async (): Promise<object> => import(/* @vite-ignore */ pathToFileURL(entry).href),
    catch: (error) => {
      const message = error instanceof Error ? (error.message.split("\n")[0] ?? error.name) : "it throws"
      const reason = withPlacesFrom(folder, message)
      const fix = "Install it again, or ask its authors."
      return new ConfigurationError({ problem: `the package ${wanted} could not be loaded: ${reason}.`, fix })
    }
  })

const fromPackage = Effect.fnUntraced(function* (
  name: string,
  options: Options
): Effect.fn.Return<Adapter<unknown>, ConfigurationError> {
  const wanted = packageName(name)
  if (!packagePattern.test(wanted)) {
    const problem = `"${name}" is neither the short name of an adapter nor the name of an npm package.`
    const fix = `Short names: ${firstParty.join(", ")}.`
    return yield* new ConfigurationError({ problem, fix })
  }
  const entry = entryOf(wanted, options.folder)
  if (entry === undefined) return yield* notInstalled(name, options)
  yield* checkCopies(wanted, entry, options.folder)
  const found = adaptersIn(yield* importModule(wanted, entry, options.folder))
  const [adapter] = found
  if (found.length > 1) return yield* notAnAdapter(wanted, `it exports ${found.length} of them`)
  if (!isAdapter(adapter)) return yield* notAnAdapter(wanted, "it exports no adapter")
  return isComplete(adapter) ? adapter : yield* notAnAdapter(wanted, "what it exports as one is incomplete")
})

/**
 * Finds an adapter by name and loads its package where the program does not carry it.
 *
 * The package must export `adapter` itself or in exactly one of its namespaces, and share this program's copies of
 * `@keyfold/core` and `effect`. Errors say what to install.
 *
 * @category constructors
 * @since 0.1.0
 */
export const load = Effect.fnUntraced(function* (
  name: string,
  options: Options
): Effect.fn.Return<Adapter<unknown>, ConfigurationError> {
  const { allowed, builtIn = {} } = options
  if (allowed !== undefined && !allowed.some((each) => packageName(each) === packageName(name))) {
    return yield* notAllowed(name, allowed)
  }
  const short = shortNameOf(name)
  const carried: unknown = Object.hasOwn(builtIn, short) ? builtIn[short] : undefined
  return isAdapter(carried) ? carried : yield* fromPackage(name, options)
})
