/** A real service process under load: its credential is rotated, its file broken and mended, and it is killed. */
import { assert, describe, it } from "@effect/vitest"
import * as Arthur from "@keyfold/emulators/Arthur"
import * as FetchServer from "@keyfold/node/FetchServer"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { spawn } from "node:child_process"
import { rename, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { folderWith } from "./TinyAdapter.ts"

type Event = Readonly<Record<string, unknown>>

const programFile = fileURLToPath(new URL("LiveProgram.ts", import.meta.url))

/** An emulated backend that tells which credential each request came with, and may refuse one. */
const served = Effect.gen(function* () {
  const credentials = { old: Arthur.makeCredential(), new: Arthur.makeCredential() }
  const emulator = Arthur.make({
    credentials: Object.values(credentials).map((value) => ({ kind: "master", value })),
    maxApiKeys: 100_000
  })
  const uses: Array<string> = []
  const creates = { areHeld: false }
  const fetch = async (request: Request) => {
    uses.push(request.headers.get("authorization")?.replace(/^Bearer /, "") ?? "none")
    const answer = await emulator.fetch(request)
    return creates.areHeld && request.method === "POST" ? new Promise<Response>(() => undefined) : answer
  }
  const { url } = yield* FetchServer.serve({ fetch, port: 0 })
  const live = () =>
    emulator.keys().flatMap(({ id, origin, revoked }) => (origin === "created" && !revoked ? [id] : []))
  return { creates, credentials, live, url, uses }
})

/** Starts the program. `until` waits for an event and fails where the process ends before it. */
const started = (folder: string, args: ReadonlyArray<string> = []) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(process.execPath, ["--conditions=@keyfold/source", programFile, ...args], {
        cwd: folder,
        env: { PATH: process.env["PATH"] ?? "" },
        stdio: ["pipe", "pipe", "inherit"]
      })
      const events: Array<Event> = []
      const waiting = new Set<() => void>()
      const wake = () => waiting.forEach((look) => look())
      createInterface({ input: child.stdout }).on("line", (line) => {
        const event: unknown = JSON.parse(line)
        if (Predicate.isObject(event)) events.push({ ...event })
        wake()
      })
      let hasEnded = false
      child.on("close", () => {
        hasEnded = true
        wake()
      })
      const until = (holds: (events: ReadonlyArray<Event>) => boolean, orEnded = false) =>
        Effect.callback<void>((resume) => {
          const look = () => {
            if (!holds(events) && !hasEnded) return
            waiting.delete(look)
            resume(holds(events) || orEnded ? Effect.void : Effect.die(new Error("the process ended early")))
          }
          waiting.add(look)
          look()
        })
      return { child, events, until }
    }),
    ({ child }) => Effect.sync(() => void child.kill("SIGKILL"))
  )

type Running = Effect.Success<ReturnType<typeof started>>

const texts = (events: ReadonlyArray<Event>, name: string) =>
  events.flatMap(({ [name]: value }) => (typeof value === "string" || typeof value === "number" ? [String(value)] : []))

/** Waits until so many calls that are still to come have been answered. */
const answered = ({ events, until }: Running, count: number) => {
  const wanted = texts(events, "answered").length + count
  return until((all) => texts(all, "answered").length >= wanted)
}

/** Sends SIGHUP and waits for the line in the log that tells what came of it. */
const hangUp = Effect.fnUntraced(function* ({ child, events, until }: Running) {
  const before = texts(events, "log").length
  child.kill("SIGHUP")
  yield* until((all) => texts(all, "log").length > before)
  return texts(events, "log")[before] ?? ""
})

/** Makes every lease run out, as if its time had passed. */
const endLeases = (folder: string) =>
  Effect.sync(() => {
    const database = new DatabaseSync(join(folder, "journal.db"))
    database.exec("UPDATE keyfold_journal_operations SET lease_until = 1")
    database.close()
  })

const replace = (path: string, content: string) =>
  Effect.promise(async () => {
    await writeFile(`${path}.next`, content, { mode: 0o600 })
    await rename(`${path}.next`, path)
  })

describe("a service under load", () => {
  it.live("loses no call and uses no stale credential, whatever is rotated, broken, mended or killed", () =>
    Effect.gen(function* () {
      const { creates, credentials, live, url, uses } = yield* served
      const text = `
journal: { url: "sqlite:journal.db", secret: { file: ./journal-secret } }
stores:
  guard: { adapter: arthur, baseUrl: "${url}", apiKey: { file: ./admin-key } }
tenants: { acme: guard, globex: guard }
`
      const secret = "a secret for the journals of tests, long enough to be accepted"
      const folder = yield* folderWith({ "keyfold.yaml": text, "journal-secret": secret, "admin-key": credentials.old })
      const service = yield* started(folder)
      yield* answered(service, 40)

      yield* replace(join(folder, "admin-key"), credentials.new)
      assert.match(yield* hangUp(service), /^Info .*changed: stores guard; tenants acme, globex$/)
      const beforeReport = uses.length
      yield* answered(service, 40)
      assert.deepStrictEqual([...new Set(uses.slice(beforeReport))], [credentials.new])
      assert.include(uses.slice(0, beforeReport), credentials.old)

      yield* replace(join(folder, "keyfold.yaml"), text.replace("acme: guard", "acme: gard"))
      assert.include(
        yield* hangUp(service),
        "was not changed: keyfold.yaml has 1 mistake.\nkeyfold.yaml:5:18  tenants.acme"
      )
      yield* answered(service, 20)
      yield* replace(join(folder, "keyfold.yaml"), text)
      service.child.kill("SIGHUP")
      service.child.kill("SIGHUP")
      yield* answered(service, 40)
      assert.deepStrictEqual(texts(service.events, "lost"), [])

      creates.areHeld = true
      yield* service.until((events) => live().length > texts(events, "created").length)
      service.child.kill("SIGKILL")
      yield* service.until(() => false, true)
      creates.areHeld = false
      yield* endLeases(folder)
      const kept = texts(service.events, "created")
      const unsettled = texts(service.events, "started").filter((operation) => !kept.includes(operation))
      assert.isNotEmpty(unsettled)
      const next = yield* started(folder, unsettled)
      yield* answered(next, 40)
      next.child.stdin.write("end")
      yield* next.until(() => false, true)
      assert.deepStrictEqual(texts(next.events, "lost"), [])
      assert.deepStrictEqual(texts(next.events, "recovered"), unsettled)
      assert.sameMembers([...live()], [...texts(service.events, "id"), ...texts(next.events, "id")])
    }).pipe(Effect.scoped)
  )
})
