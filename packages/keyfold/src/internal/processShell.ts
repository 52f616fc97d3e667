/** The shell of a real process. */
import * as Effect from "effect/Effect"
import { existsSync } from "node:fs"
import { basename, dirname, join, relative, sep } from "node:path"
import { StringDecoder } from "node:string_decoder"
import type { ReadStream, WriteStream } from "node:tty"
import { type Input, InputUnusable, type Output, OutputClosed, Shell } from "../Shell.ts"

const longestInput = 64 * 1024

const codeOf = (error: Error): { readonly code?: string } =>
  "code" in error && typeof error.code === "string" ? { code: error.code } : {}

/** Decides on colour as the `NO_COLOR` and `FORCE_COLOR` conventions say. */
export const wantsColor = (environment: Readonly<Record<string, string | undefined>>, isTerminal: boolean): boolean => {
  const { FORCE_COLOR: force = "", NO_COLOR: no = "", TERM: terminal } = environment
  if (no !== "" || terminal === "dumb") return false
  return (force !== "" && force !== "0" && force.toLowerCase() !== "false") || isTerminal
}

const makeOutput = (stream: WriteStream): Output => {
  // Without a listener a reader that went away would end the process with a stack trace; `write` reports it instead.
  stream.on("error", () => {})
  return {
    isTerminal: stream.isTTY,
    color: wantsColor(process.env, stream.isTTY),
    get columns() {
      return stream.isTTY && stream.columns > 0 ? stream.columns : 80
    },
    write: (text) =>
      Effect.callback<void, OutputClosed>((resume) => {
        stream.write(text, (error) =>
          resume(error == null ? Effect.void : Effect.fail(new OutputClosed(codeOf(error))))
        )
      })
  }
}

const unusable = (problem: string) => Effect.fail(new InputUnusable({ problem }))

const readAll = (stream: ReadStream) =>
  Effect.callback<string, InputUnusable>((resume) => {
    const chunks: Array<Buffer> = []
    let length = 0
    const onData = (chunk: Buffer) => {
      chunks.push(chunk)
      length += chunk.byteLength
      if (length > longestInput) finish(unusable("standard input holds more than 64 KiB"))
    }
    const onEnd = () => finish(Effect.succeed(Buffer.concat(chunks).toString("utf8")))
    const onError = () => finish(unusable("standard input could not be read"))
    const stop = () => {
      stream.off("data", onData).off("end", onEnd).off("error", onError)
      stream.pause()
    }
    const finish = (result: Effect.Effect<string, InputUnusable>) => {
      stop()
      resume(result)
    }
    stream.on("data", onData).on("end", onEnd).on("error", onError)
    return Effect.sync(stop)
  })

interface Typed {
  readonly text: string
  readonly ended: boolean
  readonly interrupted: boolean
}

/** Applies what a terminal in raw mode sends to the line typed so far. */
export const typeInto = (line: string, keys: string): Typed => {
  let text = line
  for (const key of keys) {
    if (key === "\u0003") return { text, ended: true, interrupted: true }
    if (key === "\r" || key === "\n" || key === "\u0004") return { text, ended: true, interrupted: false }
    if (key === "\u007f" || key === "\b") text = [...text].slice(0, -1).join("")
    else if (key >= " ") text += key
  }
  return { text, ended: false, interrupted: false }
}

const readLine = (stream: ReadStream, hidden: boolean) =>
  Effect.callback<string, InputUnusable>((resume) => {
    const decoder = new StringDecoder("utf8")
    let line = ""
    const onData = (chunk: Buffer) => {
      const typed = typeInto(line, decoder.write(chunk))
      line = typed.text
      if (typed.ended || line.length > longestInput) {
        stop()
        resume(typed.interrupted ? Effect.interrupt : Effect.succeed(line))
      }
    }
    const onEnd = () => {
      stop()
      resume(Effect.succeed(line))
    }
    const stop = () => {
      stream.off("data", onData).off("end", onEnd)
      if (hidden) stream.setRawMode(false)
      stream.pause()
    }
    if (hidden) stream.setRawMode(true)
    stream.on("data", onData).on("end", onEnd)
    stream.resume()
    return Effect.sync(stop)
  })

const makeInput = (stream: ReadStream): Input => ({
  isTerminal: stream.isTTY,
  readAll: readAll(stream),
  readLine: ({ hidden }) => readLine(stream, hidden)
})

const link = join("node_modules", ".bin", "keyfold")

/** Tells whether npm has linked this command for a folder, in it or in one above it. */
const isLinked = (folder: string, exists: (path: string) => boolean): boolean =>
  exists(join(folder, link)) || (dirname(folder) !== folder && isLinked(dirname(folder), exists))

/** Tells how to start this command again: inside a clone it is not on PATH, and the system's Node may be too old. */
export const commandLine = (
  script: string,
  executable: string,
  folder: string,
  environment: Readonly<Record<string, string | undefined>>,
  exists: (path: string) => boolean
): string => {
  const name = basename(script)
  const isLocal = script.endsWith(link) || environment["npm_command"] === "exec"
  if (!/\.[jt]s$/.test(name)) return isLocal ? "npx keyfold" : "keyfold"
  if (name !== "bin.ts" && isLinked(folder, exists)) return "npx keyfold"
  const node = executable.includes(`${sep}node_modules${sep}`) ? "npx node" : "node"
  const path = relative(folder, script)
  return `${node} ${path.startsWith("..") ? script : path}`
}

/** Reads the streams, the environment and the working folder of this process. */
export const make: Effect.Effect<Shell["Service"]> = Effect.sync(() =>
  Shell.of({
    // Touched only where a command reads it: opening standard input keeps the process alive.
    get stdin() {
      return makeInput(process.stdin)
    },
    stdout: makeOutput(process.stdout),
    stderr: makeOutput(process.stderr),
    environment: process.env,
    folder: process.cwd(),
    command: commandLine(process.argv[1] ?? "", process.execPath, process.cwd(), process.env, existsSync)
  })
)
