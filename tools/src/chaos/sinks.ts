/** The sinks of the campaign: the package's file, and a record of a secret with its key's id that is written at once. */
import { KeyId } from "@keyfold/core/ApiKey"
import { SinkError, type Sink } from "@keyfold/core/Sink"
import * as SecretSink from "@keyfold/node/SecretSink"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { randomUUID } from "node:crypto"
import { existsSync, linkSync, readFileSync, unlinkSync, writeFileSync } from "node:fs"
import type { Holder } from "./message.ts"

/** What a record holds. */
interface Record {
  readonly id: string
  readonly secret: string
}

const readRecord = (path: string): Record | undefined => {
  if (!existsSync(path)) return undefined
  const found: unknown = JSON.parse(readFileSync(path, "utf8"))
  const isRecord = typeof found === "object" && found !== null && "id" in found && "secret" in found
  return isRecord ? { id: String(found.id), secret: String(found.secret) } : undefined
}

const taken = (name: string) => new SinkError({ sink: name, problem: "it holds a secret already." })

const write = (path: string, record: Record): boolean => {
  const draft = `${path}.${randomUUID()}`
  writeFileSync(draft, JSON.stringify(record), { mode: 0o600, flag: "wx" })
  try {
    // Unlike a rename, a link never replaces what is there.
    linkSync(draft, path)
    return true
  } catch {
    return false
  } finally {
    unlinkSync(draft)
  }
}

const recordSink = (path: string): Sink => {
  const name = "record"
  return {
    name,
    open: Effect.suspend(() =>
      existsSync(path)
        ? Effect.fail(taken(name))
        : Effect.succeed((issued) =>
            Effect.suspend(() =>
              write(path, { id: issued.key.id, secret: Redacted.value(issued.secret) })
                ? Effect.succeed({ holds: Option.some(issued.key.id) })
                : Effect.fail(taken(name))
            )
          )
    ),
    holds: () => Effect.sync(() => Option.map(Option.fromUndefinedOr(readRecord(path)), ({ id }) => KeyId.make(id)))
  }
}

type InFile = Exclude<Holder, { readonly kind: "caller" }>

/** The sink of a holder; none of them overwrites. */
export const sinkOf = ({ kind, path }: InFile): Sink =>
  kind === "record" ? recordSink(path) : SecretSink.file(path, { keyId: true })

/** The secret that a holder holds; undefined where it holds none. */
export const secretIn = ({ kind, path }: InFile): string | undefined => {
  if (kind === "record") return readRecord(path)?.secret
  return existsSync(path) ? readFileSync(path, "utf8") : undefined
}
