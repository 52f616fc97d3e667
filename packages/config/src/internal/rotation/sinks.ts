/** The sinks of the file: where rotations put new secrets. */
import { Secret } from "@keyfold/core/Secret"
import type { Sink } from "@keyfold/core/Sink"
import * as CiSink from "@keyfold/node/CiSink"
import * as KubernetesSink from "@keyfold/node/KubernetesSink"
import * as SecretSink from "@keyfold/node/SecretSink"
import * as VaultSink from "@keyfold/node/VaultSink"
import * as Schema from "effect/Schema"
import { Time } from "../policies.ts"
import { Command } from "./checks.ts"

const Text = Schema.NonEmptyString
const describedAs = (description: string) => Text.annotateKey({ description })
const optional = (description: string) => Schema.optionalKey(describedAs(description))

const variable = describedAs("The variable, which is replaced.")

const FileSink = Schema.Struct({ file: describedAs("A file of the secret's own, which is replaced.") })
const EnvironmentFileSink = Schema.Struct({ environmentFile: describedAs("A dotenv file."), variable })
const CiFileSink = Schema.Struct({ ciEnvironmentFile: describedAs("The environment file of a CI job."), variable })
const ManifestSink = Schema.Struct({
  kubernetesSecret: describedAs("A file with the manifest of a Kubernetes Secret."),
  name: describedAs("The name of the Secret."),
  namespace: optional("Its namespace."),
  field: describedAs("The entry, which is replaced."),
  form: Schema.optionalKey(
    Schema.Literals(["data", "stringData"]).annotateKey({ description: "How the entry is written; data when omitted." })
  )
})
const VaultKvSink = Schema.Struct({
  vault: describedAs("The path of a secret in HashiCorp Vault, KV version 2."),
  field: describedAs("The field of the secret, which is replaced."),
  address: describedAs("The URL of Vault."),
  token: Secret.annotateKey({ description: "The token for Vault." }),
  mount: optional("Where the engine is mounted; secret when omitted."),
  namespace: optional("The namespace of Vault Enterprise."),
  keyId: Schema.optionalKey(
    Schema.Literals(["field", "metadata"]).annotateKey({ description: "Where the key's id goes; field when omitted." })
  )
})
const CommandSink = Schema.Struct({
  command: Command.annotateKey({ description: "A program that reads the secret from its standard input." }),
  confirms: Schema.optionalKey(
    Schema.Literal("keyId").annotateKey({ description: "The last line the program prints is the id of the key." })
  ),
  within: Schema.optionalKey(Time.annotateKey({ description: "How long it may take; 30 seconds when omitted." }))
})

/** Each kind of sink, by the member that says which kind it is, and the members in which braces may stand. */
export const kinds = {
  file: { schema: FileSink, templates: ["file"] },
  environmentFile: { schema: EnvironmentFileSink, templates: ["environmentFile"] },
  ciEnvironmentFile: { schema: CiFileSink, templates: ["ciEnvironmentFile"] },
  kubernetesSecret: { schema: ManifestSink, templates: ["kubernetesSecret", "name"] },
  vault: { schema: VaultKvSink, templates: ["vault"] },
  command: { schema: CommandSink, templates: [] }
} as const

/** The name of a kind. */
export type Kind = keyof typeof kinds

/** Any sink as the file states it. */
export const AnySink = Schema.Union([FileSink, EnvironmentFileSink, CiFileSink, ManifestSink, VaultKvSink, CommandSink])

/** The type of that. */
export type AnySink = typeof AnySink.Type

/** Where a sink works. */
export interface Surroundings {
  readonly folder: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Whether secrets tell which key they belong to. */
  readonly identifies: boolean
}

/** Makes a sink. Every sink replaces what is there: that is what a rotation is for. */
export const makeSink = (sink: AnySink, { env, folder, identifies }: Surroundings): Sink => {
  const options = { folder, replace: true }
  if ("file" in sink) return SecretSink.file(sink.file, { ...options, keyId: !identifies })
  if ("environmentFile" in sink) return SecretSink.environmentFile(sink.environmentFile, sink.variable, options)
  if ("ciEnvironmentFile" in sink) {
    return CiSink.environmentFile(sink.ciEnvironmentFile, sink.variable, { ...options, keyId: !identifies })
  }
  if ("kubernetesSecret" in sink) {
    const { field, form, kubernetesSecret, name, namespace } = sink
    return KubernetesSink.manifest(kubernetesSecret, { ...options, name, namespace, key: field, form })
  }
  if ("vault" in sink) {
    const { vault, ...rest } = sink
    return VaultSink.kv({ ...rest, path: vault, replace: true })
  }
  const { command, ...rest } = sink
  return SecretSink.standardInput(command, { ...rest, folder, env })
}
