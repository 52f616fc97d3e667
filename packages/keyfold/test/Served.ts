/** `keyfold serve` as a process of its own. */
import * as Effect from "effect/Effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { finish, keyfold, localStore, type Ran, start } from "./Keyfold.ts"

/** A folder with a keyfold.yaml of these stores and tenants, and of a gateway with these members. */
export const gatewayFolder = (stores: ReadonlyArray<string>, gateway: ReadonlyArray<string> = []) =>
  Effect.tap(localStore, (folder) =>
    Effect.sync(() => {
      const own = [`url: "sqlite:data/gateway.db"`, "pepper: { file: ./secrets/pepper }", "port: 0", ...gateway]
      const lines = [...stores, "gateway:", ...own.map((line) => `  ${line}`), ""]
      writeFileSync(join(folder, "keyfold.yaml"), lines.join("\n"))
    })
  )

/** Creates the gateway's first key. */
export const firstKey = (folder: string) =>
  Effect.map(keyfold(["gateway", "init"], { folder }), ({ stdout }) => stdout.trim())

/** Waits until a condition holds, or gives up. */
export const until = Effect.fnUntraced(function* (what: string, holds: () => Promise<boolean> | boolean) {
  const deadline = Date.now() + 60_000
  while (!(yield* Effect.promise(async () => holds()))) {
    if (Date.now() > deadline) return yield* Effect.die(`waited in vain: ${what}`)
    yield* Effect.sleep("20 millis")
  }
})

/** One process that serves. */
export interface Served {
  readonly url: string
  readonly metrics: string | undefined
  readonly signal: (name: NodeJS.Signals) => void
  readonly ended: Effect.Effect<Ran>
}

/** Starts `keyfold serve` in a folder and waits until it listens; the end of the scope kills it where it still runs. */
export const serve = Effect.fnUntraced(function* (
  folder: string,
  env: Readonly<Record<string, string>> = {},
  args: ReadonlyArray<string> = []
) {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => start(["serve", "--json", ...args], { cwd: folder, env })),
    (running) => Effect.sync(() => void running.kill("SIGKILL"))
  )
  let [first, errors] = ["", ""]
  child.stdout?.on("data", (chunk: Buffer) => void (first += chunk.toString()))
  child.stderr?.on("data", (chunk: Buffer) => void (errors += chunk.toString()))
  const ended = yield* Effect.cached(finish(child))
  yield* Effect.forkScoped(ended)
  yield* until("keyfold serve listens", () => {
    if (child.exitCode !== null) throw new Error(`keyfold serve ended: ${errors}`)
    return first.includes("\n")
  })
  const { metrics, url } = JSON.parse(first) as { url: string; metrics?: string }
  const served: Served = { url, metrics, signal: (name) => void child.kill(name), ended }
  return served
})

/** What was answered; undefined where nobody was there to answer, or nobody did. */
export interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

/** Asks without an expectation. */
export const ask = async (
  url: string,
  {
    body,
    headers = {},
    key,
    method = body === undefined ? "GET" : "POST"
  }: {
    readonly key?: string
    readonly body?: unknown
    readonly method?: string
    readonly headers?: Readonly<Record<string, string>>
  } = {}
): Promise<Answered | undefined> => {
  try {
    const response = await fetch(url, {
      method,
      headers: {
        ...headers,
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" })
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    return { status: response.status, headers: response.headers, text: await response.text() }
  } catch {
    return undefined
  }
}
