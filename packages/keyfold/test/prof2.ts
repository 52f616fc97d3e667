import * as Effect from "effect/Effect"
import { join } from "node:path"
import { mkdtempSync } from "node:fs"
import { backends } from "./CanaryBackends.ts"
import { collector } from "./CanaryCollector.ts"
import { makeCanaries } from "./CanaryPlants.ts"
import { run, debug } from "./CanaryRun.ts"
import { situationsOf } from "./CanarySituations.ts"
const backend = backends.find((b) => b.name === process.argv[2])!
await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
  const c = yield* collector
  const root = mkdtempSync("/tmp/prof-")
  for (let i = 0; i < 6; i++)
  for (const [index, situation] of situationsOf(backend.kind).filter((s) => s.name === process.argv[3]).entries()) {
    const t = performance.now()
    const { findings, exits } = yield* run({ backend, situation, encoding: index % 2 === 0 ? "JSON" : "protobuf", transport: process.argv[4] as "ky", collector: c, folder: join(root, String(i)) }, makeCanaries())
    const all = debug()
    console.log(situation.name, performance.now() - t | 0, findings.length)
    for (const [w, v] of all) if (w.endsWith("log line") && /WARN|closed before/.test(String(v))) console.log(w, String(v).slice(0, 300))
    if (performance.now() - t > 8000) { const reqs = all.find(([w]) => w.endsWith("request log"))![1] as any[]; console.log(reqs.slice(-25).map((r) => `${r.time % 100000} ${r.operation} ${r.status} ${r.outcome}`).join("\n")) }
  }
})))
