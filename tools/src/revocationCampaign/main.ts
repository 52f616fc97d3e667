/**
 * `npm run revocations`: revokes 10,000 keys of each emulated backend with `keyfold revoke --where`, while one request in
 * twenty fails. One process is interrupted with Ctrl-C, the next is killed, and the last ones do the rest. Fails where a
 * key is left, or where a key was revoked twice.
 */
import * as FetchServer from "@keyfold/node/FetchServer"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { backends, type Backend } from "./backends.ts"

const { values } = parseArgs({
  options: {
    keys: { type: "string", default: "10000" },
    seed: { type: "string", default: "1" },
    concurrency: { type: "string", default: "8" },
    backend: { type: "string", multiple: true, default: Object.keys(backends) }
  }
})

const entry = join(import.meta.dirname, "../../../packages/keyfold/src/bin.ts")

const where = 'name ~ "ci-*"'

interface Ran {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

/** What may end a process early. */
interface Ending {
  readonly signal: "SIGINT" | "SIGKILL"
  readonly when: () => boolean
}

const keyfold = (folder: string, credential: string, args: ReadonlyArray<string>, ending?: Ending): Promise<Ran> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, ["--conditions=@keyfold/source", entry, ...args], {
      cwd: folder,
      env: { PATH: process.env["PATH"] ?? "", CREDENTIAL: credential },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let stdout = ""
    let stderr = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text))
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text))
    const watch = setInterval(() => {
      if (ending?.when() !== true) return
      clearInterval(watch)
      child.kill(ending.signal)
    }, 5)
    child.on("close", (code, signal) => {
      clearInterval(watch)
      resolve({ code, signal, stdout, stderr })
    })
  })

const expect = (isTrue: boolean, problem: string): void => {
  if (!isTrue) throw new Error(problem)
}

const lastLine = (text: string): Readonly<Record<string, unknown>> => JSON.parse(text.trim().split("\n").at(-1) ?? "{}")

const say = (line: string): void => void process.stdout.write(`${line}\n`)

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

const keys = Number(values.keys)

/** Runs the same command until nothing is left; a claim that a killed process left has to end first. */
const finish = async (run: () => Promise<Ran>): Promise<{ readonly runs: number; readonly report: object }> => {
  for (let runs = 1; ; runs++) {
    const ran = await run()
    if (ran.stderr.includes("another run works on this plan")) {
      await pause(1000)
      runs--
      continue
    }
    expect(ran.code === 0 || ran.code === 1, `a run ended with ${ran.code}: ${ran.stderr}`)
    if (ran.code === 0) return { runs, report: lastLine(ran.stdout) }
    expect(runs < 20, "there is no end")
  }
}

const campaign = async (name: string, folder: string, backend: Backend): Promise<void> => {
  const start = ["revoke", "--where", where, "--limit", String(keys), "--json"]
  const look = await keyfold(folder, backend.credential, [...start, "--dry-run"])
  expect(look.code === 0, look.stderr)
  const { digest, keys: planned } = lastLine(look.stdout)
  expect(planned === keys, `the plan has ${String(planned)} keys`)
  const began = performance.now()
  const run = (ending?: Ending) =>
    keyfold(
      folder,
      backend.credential,
      [...start, "--digest", String(digest), "--concurrency", values.concurrency],
      ending
    )
  const interrupted = await run({ signal: "SIGINT", when: () => backend.sent() > keys / 3 })
  expect(interrupted.code === 130, `the interrupted run ended with ${interrupted.code}: ${interrupted.stderr}`)
  const afterInterruption = backend.revocations()
  const killed = await run({ signal: "SIGKILL", when: () => backend.sent() > (2 * keys) / 3 })
  expect(killed.signal === "SIGKILL", `the killed run ended with ${killed.code}: ${killed.stderr}`)
  const afterKill = backend.revocations()
  const { report, runs } = await finish(() => run())
  const seconds = (performance.now() - began) / 1000
  const revocations = backend.revocations()
  expect(backend.live() === 0, `${backend.live()} keys are live`)
  expect(revocations === keys, `${revocations} revocations for ${keys} keys`)
  const injected = backend.faults.injected.length
  say(
    `| ${name} | ${[keys, afterInterruption, afterKill, runs, injected, revocations].join(" | ")} | ${seconds.toFixed(0)} s |`
  )
  const { complete, failed, gone, revoked }: Readonly<Record<string, unknown>> = { ...report }
  expect(complete === true && Array.isArray(failed) && failed.length === 0, "the last report is not complete")
  expect(Number(revoked) + Number(gone) === keys, "the last report does not add up")
}

const attack = (name: string): Effect.Effect<void, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const make = backends[name]
    if (make === undefined) throw new Error(`there is no backend "${name}"`)
    const backend = make(keys, Number(values.seed))
    const { url } = yield* FetchServer.serve({ fetch: backend.fetch, port: 0 })
    const folder = mkdtempSync(join(tmpdir(), "keyfold-revocations-"))
    const members = ["adapter: " + name, `baseUrl: ${url}`, "apiKey: { env: CREDENTIAL }", ...backend.members]
    // What fails is to reach the run, and not to be tried again at once.
    writeFileSync(
      join(folder, "keyfold.yaml"),
      `stores:\n  ${name}: { ${members.join(", ")}, retry: { attempts: 1 } }\n`
    )
    yield* Effect.promise(() => campaign(name, folder, backend))
    rmSync(folder, { recursive: true, force: true })
  })

say("| backend | keys | acted on when interrupted | when killed | runs after that | faults | acted on in all | time |")
say("| --- | --: | --: | --: | --: | --: | --: | --: |")
for (const name of values.backend) await Effect.runPromise(Effect.scoped(attack(name)))
