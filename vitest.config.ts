import { readdirSync } from "node:fs"
import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"

const conditions = ["@keyfold/source"]

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    // One core less, as vitest would have it, is half of a machine with two.
    maxWorkers: availableParallelism(),
    // Every file loads effect and most of core: a fresh worker for each is a quarter of the time. Tests clean up instead.
    isolate: false,
    projects: [
      ...readdirSync(new URL("packages", import.meta.url)).map((name) => ({
        extends: true as const,
        test: { name, root: `packages/${name}`, include: ["test/**/*.test.ts"] }
      })),
      {
        extends: true as const,
        test: { name: "tools", root: "tools", include: ["test/**/*.test.ts"], testTimeout: 180_000 }
      }
    ]
  }
})
