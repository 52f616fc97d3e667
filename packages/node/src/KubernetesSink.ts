/**
 * A sink that puts the secret of a new key into the manifest of a Kubernetes Secret, a YAML file.
 *
 * It writes a file and talks to no cluster: `kubectl apply` or what deploys the file brings it there.
 *
 * @since 0.1.0
 */
import { KeyId } from "@keyfold/core/ApiKey"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Sink from "@keyfold/core/Sink"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { resolve } from "node:path"
import { fromUtf8, toUtf8 } from "./internal/environmentText.ts"
import * as manifests from "./internal/manifest.ts"
import * as replacement from "./internal/replacement.ts"
import { besides } from "./internal/temporaryFile.ts"

/**
 * Says which entry of which Secret, and how it is written.
 *
 * - `name` and `namespace`: the Secret. Without a namespace it is the only one of that name in the file, whatever its
 *   namespace, and a new one gets none.
 * - `key`: the entry, as a Pod refers to it.
 * - `form`: `data` (base64, when omitted) or `stringData` (as it is).
 * - `replace`: the entry may be there already; it is replaced, in either form. It is refused when omitted.
 * - `folder`: where relative paths start, the working folder of the process when omitted.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  readonly name: string
  readonly namespace?: string | undefined
  readonly key: string
  readonly form?: "data" | "stringData" | undefined
  readonly replace?: boolean | undefined
  readonly folder?: string | undefined
}

const label = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"

const checks: ReadonlyArray<readonly [field: "name" | "namespace" | "key", pattern: RegExp, expected: string]> = [
  ["name", new RegExp(`^(?=.{1,253}$)${label}(?:\\.${label})*$`), "small letters, digits, hyphens and dots"],
  ["namespace", new RegExp(`^(?=.{1,63}$)${label}$`), "small letters, digits and hyphens"],
  ["key", /^(?!\.\.?$)[-._a-zA-Z0-9]{1,253}$/, "letters, digits, hyphens, underscores and dots"]
]

const told =
  (sink: string) =>
  ({ fix, problem }: ConfigurationError): Sink.SinkError =>
    new Sink.SinkError({ sink, problem, ...(fix === undefined ? {} : { fix }) })

const judged = <A>(result: A | ConfigurationError): Effect.Effect<A, ConfigurationError> =>
  result instanceof ConfigurationError ? Effect.fail(result) : Effect.succeed(result)

/** The manifest as bytes goes in and out; it must be text of one encoding to be changed at all. */
const decode = (path: string, content: string): Effect.Effect<string, ConfigurationError> => {
  const text = toUtf8(content)
  return fromUtf8(text) === content
    ? Effect.succeed(text)
    : Effect.fail(replacement.refusal(path, "is not UTF-8 text", "Choose another path."))
}

const compose = (entry: manifests.Entry, content: string, value: string, keyId: string) =>
  decode(entry.path, content).pipe(
    Effect.flatMap((text) => judged(manifests.compose(text, entry, value, keyId))),
    Effect.map(fromUtf8)
  )

type Writer = Effect.Success<Sink.Sink["open"]>

const open = Effect.fnUntraced(function* (
  name: string,
  address: replacement.Address,
  entry: manifests.Entry,
  options: Options
): Effect.fn.Return<Writer, Sink.SinkError, Scope.Scope> {
  for (const [field, pattern, expected] of checks) {
    const value = options[field]
    if (value !== undefined && !pattern.test(value)) {
      const problem = `expected the ${field} of a Secret to consist of ${expected}.`
      return yield* new Sink.SinkError({ sink: name, problem, fix: `Choose another ${field}.` })
    }
  }
  yield* Effect.mapError(
    Effect.gen(function* () {
      const { content } = yield* replacement.read(address)
      yield* compose(entry, content, "any value", "any id")
      yield* Effect.scoped(besides(address.path, address.target))
    }),
    told(name)
  )
  return ({ key, secret }) => {
    const value = Redacted.value(secret)
    if (!value.isWellFormed()) {
      const problem = "the secret holds a character that no text can hold."
      return Effect.fail(new Sink.SinkError({ sink: name, problem, fix: "Deliver it to a file of its own." }))
    }
    const isDone = (content: string) => {
      const held = manifests.read(toUtf8(content), entry)
      return !(held instanceof ConfigurationError) && held.value === value && held.keyId === key.id
    }
    return Effect.mapBoth(
      replacement.replace(address, (content) => compose(entry, content, value, key.id), isDone),
      { onSuccess: () => ({ holds: Option.some(key.id) }), onFailure: told(name) }
    )
  }
})

/**
 * Sets one entry of a Secret in a manifest, which may hold other documents; makes the file or the Secret where it is missing.
 *
 * Other documents of the file stay byte for byte. The Secret itself keeps its other entries, its comments and its order, and
 * may come out indented anew. The annotation `keyfold/key-ids` says which key each entry holds, so that it can be told
 * after a crash and in the cluster. A new file is readable by its owner only (mode 0600); one that is there keeps its mode.
 *
 * Refused before a key is made: an entry that is there already (without `replace`), an immutable Secret, one encrypted by
 * sops, one inside of a `List`, a text that is no YAML (a template, for instance), a symbolic link, a file that others can
 * write, and a folder that cannot be written. Creates of one process take turns; a change by another program in the very
 * moment of the replacement is lost.
 *
 * @category constructors
 * @since 0.1.0
 */
export const manifest = (path: string, options: Options): Sink.Sink => {
  const name = `entry ${options.key} of Secret ${options.name} in file ${path}`
  const address = { path, target: resolve(options.folder ?? process.cwd(), path) }
  const entry: manifests.Entry = {
    path,
    name: options.name,
    namespace: options.namespace,
    key: options.key,
    form: options.form ?? "data",
    replace: options.replace === true
  }
  return {
    name,
    open: open(name, address, entry, options),
    holds: (identify) =>
      replacement.read(address).pipe(
        Effect.flatMap(({ content }) => decode(path, content)),
        Effect.flatMap((text) => judged(manifests.read(text, entry))),
        Effect.mapBoth({
          onSuccess: ({ keyId, value = "" }) => {
            if (value === "") return Option.none()
            const found = identify(Redacted.make(value, { label: "secret" }))
            if (Option.isSome(found)) return Option.some(found.value.id)
            return keyId === undefined || keyId === "" ? Option.none() : Option.some(KeyId.make(keyId))
          },
          onFailure: told(name)
        })
      )
  }
}
