/** Where a secret goes, or may have gone before a crash: the flags that name a place, and the sinks behind them. */
import type { KeyStore } from "@keyfold/core/KeyStore"
import type { Sink } from "@keyfold/core/Sink"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { Shell } from "../Shell.ts"
import { type CommandError, usage } from "./failure.ts"
import { escape } from "./text.ts"

const flag = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.optional)

// Not --env-file: Node takes that for itself, wherever it stands on the command line.

/** Names a file for a new secret. */
export const deliveryFlags = {
  secretFile: flag(
    "secret-file",
    "PATH",
    "Write the secret to this new file, readable by you only, and print it nowhere"
  ),
  environmentFile: flag(
    "environment-file",
    "PATH",
    "Write the secret to this environment file, as the variable that --variable names, and print it nowhere"
  ),
  ciEnvironmentFile: flag(
    "ci-environment-file",
    "PATH",
    "Append the secret to this file of a CI job ($GITHUB_ENV), as the variable that --variable names"
  ),
  variable: flag("variable", "NAME", "With an environment file: the variable, which must not be in the file yet"),
  kubernetesSecret: flag(
    "kubernetes-secret",
    "PATH",
    "Write the secret into this manifest (YAML), into the Secret --secret-name as the entry --field"
  ),
  secretName: flag("secret-name", "NAME", "With --kubernetes-secret: the Secret, made where it is missing"),
  secretNamespace: flag("secret-namespace", "NAME", "With --kubernetes-secret: its namespace"),
  vault: flag(
    "vault",
    "PATH",
    "Write the secret to HashiCorp Vault (KV version 2), as the field --field; VAULT_ADDR and VAULT_TOKEN say where"
  ),
  vaultMount: flag("vault-mount", "MOUNT", "With --vault: where the engine is mounted, secret when omitted"),
  field: flag("field", "NAME", "With --kubernetes-secret or --vault: the entry, which must not be there yet")
}

/** Names a file that may hold the secret already. */
export const holderFlags = {
  secretFile: flag(
    "secret-file",
    "PATH",
    "Where the secret may have been written: a key whose secret is there is kept"
  ),
  environmentFile: flag("environment-file", "PATH", "The environment file the secret may have been written to"),
  ciEnvironmentFile: flag("ci-environment-file", "PATH", "The CI job's file the secret may have been appended to"),
  variable: flag("variable", "NAME", "With an environment file: the variable"),
  kubernetesSecret: flag("kubernetes-secret", "PATH", "The manifest the secret may have been written to"),
  secretName: flag("secret-name", "NAME", "With --kubernetes-secret: the Secret"),
  secretNamespace: flag("secret-namespace", "NAME", "With --kubernetes-secret: its namespace"),
  vault: flag("vault", "PATH", "The secret in HashiCorp Vault that it may have been written to"),
  vaultMount: flag("vault-mount", "MOUNT", "With --vault: where the engine is mounted, secret when omitted"),
  field: flag("field", "NAME", "With --kubernetes-secret or --vault: the entry")
}

/** What the flags say. */
export type Named = { readonly [Name in keyof typeof deliveryFlags]: Option.Option<string> }

/**
 * A place for one secret, and how results name it: for people, and as members of a JSON object.
 *
 * `sink` makes the sink for a store's secrets. A `file` that is the secret's own gets a second one beside it, with the
 * key's id, where the secrets do not carry it: without that nobody could tell after a crash whose secret it is.
 */
export interface Place {
  readonly sink: (store: KeyStore["Service"]) => Sink
  readonly file?: string
  readonly sentence: string
  readonly members: Readonly<Record<string, string>>
}

const loadSinks = Effect.promise(() => import("@keyfold/node/SecretSink"))

const inFile = Effect.fnUntraced(function* (path: string) {
  const { folder } = yield* Shell
  const SecretSink = yield* loadSinks
  const absolute = resolve(folder, path)
  const place: Place = {
    sink: ({ capabilities }) => SecretSink.file(path, { folder, keyId: !capabilities.identify }),
    file: absolute,
    sentence: `The secret is in ${escape(absolute)}, which only you can read.`,
    members: { secretFile: absolute }
  }
  return place
})

const inEnvironmentFile = Effect.fnUntraced(function* (path: string, variable: string) {
  const { folder } = yield* Shell
  const SecretSink = yield* loadSinks
  const absolute = resolve(folder, path)
  const place: Place = {
    sink: () => SecretSink.environmentFile(path, variable, { folder }),
    sentence: `The secret is in ${escape(absolute)}, as ${escape(variable)}.`,
    members: { environmentFile: absolute, variable }
  }
  return place
})

const inCiFile = Effect.fnUntraced(function* (path: string, variable: string) {
  const { folder } = yield* Shell
  const CiSink = yield* Effect.promise(() => import("@keyfold/node/CiSink"))
  const absolute = resolve(folder, path)
  const place: Place = {
    sink: ({ capabilities }) => CiSink.environmentFile(path, variable, { folder, keyId: !capabilities.identify }),
    sentence: `The secret is in ${escape(absolute)}, as ${escape(variable)}. Have the next step mask it.`,
    members: { ciEnvironmentFile: absolute, variable }
  }
  return place
})

const inManifest = Effect.fnUntraced(function* (path: string, name: string, field: string, namespace?: string) {
  const { folder } = yield* Shell
  const KubernetesSink = yield* Effect.promise(() => import("@keyfold/node/KubernetesSink"))
  const absolute = resolve(folder, path)
  const place: Place = {
    sink: () => KubernetesSink.manifest(path, { folder, name, namespace, key: field }),
    sentence: `The secret is in ${escape(absolute)}, as ${escape(field)} of the Secret ${escape(name)}.`,
    members: { kubernetesSecret: absolute, secretName: name, field }
  }
  return place
})

const inVault = Effect.fnUntraced(function* (path: string, field: string, mount = "secret") {
  const { environment: env, folder } = yield* Shell
  const SecretReference = yield* Effect.promise(() => import("@keyfold/node/SecretReference"))
  const VaultSink = yield* Effect.promise(() => import("@keyfold/node/VaultSink"))
  const address = env["VAULT_ADDR"]
  if (address === undefined || address === "") {
    return yield* usage("the environment variable VAULT_ADDR is not set.", "Set it to the URL of Vault.")
  }
  const token = yield* Effect.mapError(
    SecretReference.resolve({ env: "VAULT_TOKEN" }, { folder, env }),
    ({ message }) => usage(message)
  )
  const namespace = env["VAULT_NAMESPACE"]
  const place: Place = {
    sink: () =>
      VaultSink.kv({ address, token, namespace: namespace === "" ? undefined : namespace, mount, path, field }),
    sentence: `The secret is in Vault at ${escape(`${mount}/${path}`)}, as ${escape(field)}.`,
    members: { vault: `${mount}/${path}`, field }
  }
  return place
})

/** Makes the place of a program's standard input; no shell reads the command. */
export const inCommand = Effect.fnUntraced(function* (program: string, commandArguments: ReadonlyArray<string>) {
  const { environment, folder } = yield* Shell
  const SecretSink = yield* loadSinks
  const place: Place = {
    sink: () => SecretSink.standardInput([program, ...commandArguments], { folder, env: environment }),
    sentence: `The secret went to the standard input of ${escape(program)}.`,
    members: { command: program }
  }
  return place
})

/** The flags that name a place by themselves, and those that belong to one of them. */
const places = ["secretFile", "environmentFile", "ciEnvironmentFile", "kubernetesSecret", "vault"] as const

const belonging = {
  secretFile: { needed: [], more: [], example: "" },
  environmentFile: { needed: ["variable"], more: [], example: "--environment-file .env --variable API_KEY" },
  ciEnvironmentFile: {
    needed: ["variable"],
    more: [],
    example: '--ci-environment-file "$GITHUB_ENV" --variable API_KEY'
  },
  kubernetesSecret: {
    needed: ["secretName", "field"],
    more: ["secretNamespace"],
    example: "--kubernetes-secret secret.yaml --secret-name ci --field API_KEY"
  },
  vault: { needed: ["field"], more: ["vaultMount"], example: "--vault team/ci --field api_key" }
} as const satisfies Readonly<Record<(typeof places)[number], Belonging>>

interface Belonging {
  readonly needed: ReadonlyArray<keyof Named>
  readonly more: ReadonlyArray<keyof Named>
  readonly example: string
}

const spelled = (name: keyof Named): string => `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

const listed = (names: ReadonlyArray<keyof Named>): string => names.map(spelled).join(" and ")

const misuse = (named: Named): CommandError | undefined => {
  const given = (name: keyof Named) => Option.isSome(named[name])
  const [place, second] = places.filter(given)
  if (place !== undefined && second !== undefined) return usage(`${listed([place, second])} exclude each other.`)
  const isKnown = (name: keyof Named) => places.some((other) => other === name)
  const accepted: ReadonlyArray<keyof Named> =
    place === undefined ? [] : [...belonging[place].needed, ...belonging[place].more]
  const [stray] = (Object.keys(deliveryFlags) as Array<keyof Named>).filter(
    (name) => given(name) && !isKnown(name) && !accepted.includes(name)
  )
  if (stray !== undefined) {
    const homes = places.filter((name) =>
      [...belonging[name].needed, ...belonging[name].more].some((other) => other === stray)
    )
    return usage(
      `${spelled(stray)} belongs to ${homes.map(spelled).join(" or ")}.`,
      `Example: ${belonging[homes[0] ?? "environmentFile"].example}`
    )
  }
  return place !== undefined && !belonging[place].needed.every(given)
    ? usage(`${listed([place, ...belonging[place].needed])} belong together.`, `Example: ${belonging[place].example}`)
    : undefined
}

/** Finds the place that the flags name, if they name one. */
export const placeIn = Effect.fnUntraced(function* (
  named: Named
): Effect.fn.Return<Place | undefined, CommandError, Shell> {
  const mistake = misuse(named)
  if (mistake !== undefined) return yield* mistake
  const text = (name: keyof Named) => Option.getOrElse(named[name], () => "")
  const optional = (name: keyof Named) => Option.getOrUndefined(named[name])
  switch (places.find((name) => Option.isSome(named[name]))) {
    case "secretFile":
      return yield* inFile(text("secretFile"))
    case "environmentFile":
      return yield* inEnvironmentFile(text("environmentFile"), text("variable"))
    case "ciEnvironmentFile":
      return yield* inCiFile(text("ciEnvironmentFile"), text("variable"))
    case "kubernetesSecret":
      return yield* inManifest(text("kubernetesSecret"), text("secretName"), text("field"), optional("secretNamespace"))
    case "vault":
      return yield* inVault(text("vault"), text("field"), optional("vaultMount"))
    case undefined:
      return undefined
  }
})

/** Options of `recover` and `sweepOrphans`: the sink that may hold the secret. */
export type Holder = { readonly sink?: Sink }

/** Makes the sink that may hold a secret. A file that does not tell whose secret it holds would cost a good key. */
export const holderOf = Effect.fnUntraced(function* (
  place: Place | undefined,
  store: KeyStore["Service"]
): Effect.fn.Return<Holder, CommandError> {
  if (place === undefined) return {}
  const sink = place.sink(store)
  if (place.file === undefined || !existsSync(place.file)) return { sink }
  const holds = yield* Effect.mapError(sink.holds(store.identify), ({ message }) => usage(message))
  return Option.isSome(holds)
    ? { sink }
    : yield* usage(
        `the file ${place.file} does not tell which key's secret it holds.`,
        `Write the key's id to ${place.file}.id, or leave --secret-file out: then a key that was not confirmed is revoked.`
      )
})
