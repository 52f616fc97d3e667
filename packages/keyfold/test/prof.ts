import * as Effect from "effect/Effect"
import { join } from "node:path"
import { mkdtempSync } from "node:fs"
import { backends } from "./CanaryBackends.ts"
import { collector } from "./CanaryCollector.ts"
import { makeCanaries } from "./CanaryPlants.ts"
import { run } from "./CanaryRun.ts"
import { situationsOf } from "./CanarySituations.ts"
const backend = backends.find((b) => b.name === process.argv[2])!
await Effect.runPromise(
  Effect.scoped(
    Effect.gen(function* () {
      const c = yield* collector
      const root = mkdtempSync("/tmp/prof-")
      for (const [index, situation] of situationsOf(backend.kind)
        .slice(0, Number(process.argv[4] ?? 6))
        .entries()) {
        const t = performance.now()
        const { findings } = yield* run(
          {
            backend,
            situation,
            encoding: index % 2 === 0 ? "JSON" : "protobuf",
            transport: "ky",
            collector: c,
            folder: join(root, String(index))
          },
          makeCanaries()
        )
        console.log(situation.name, (performance.now() - t) | 0, findings.length)
      }
    })
  )
)
