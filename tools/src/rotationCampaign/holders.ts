/** The holders: each has one file, and works with whatever is in it. */
import type { Sink } from "@keyfold/core/Sink"
import * as SecretSink from "@keyfold/node/SecretSink"
import { readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { parseEnv } from "node:util"
import type { Run } from "./message.ts"

type Holder = Pick<Run, "name" | "place">

const variable = "API_KEY"

/** The file of a holder. */
export const fileOf = (folder: string, { name, place }: Holder): string =>
  join(folder, place === "file" ? `${name}.key` : `${name}.env`)

/** Where the secret of the old key stays, for whoever wants to see it refused. */
export const oldSecretFile = (folder: string, name: string): string => join(folder, `${name}.old`)

/** The sink of a holder. */
export const sinkOf = (folder: string, holder: Holder): Sink => {
  const path = fileOf(folder, holder)
  return holder.place === "file"
    ? SecretSink.file(path, { keyId: true, replace: true })
    : SecretSink.environmentFile(path, variable, { replace: true })
}

/** The secret that a holder works with now; `""` where there is none. */
export const secretIn = (folder: string, holder: Holder): string => {
  const text = readFileSync(fileOf(folder, holder), "utf8")
  return holder.place === "file" ? text : (parseEnv(text)[variable] ?? "")
}

/** When what a holder has now was written, in the machine's epoch milliseconds. */
export const writtenAt = (folder: string, holder: Holder): number => statSync(fileOf(folder, holder)).mtimeMs
