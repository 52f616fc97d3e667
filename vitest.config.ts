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
    // A test ends by what it waits for. This is for one that hangs: how long one takes on a busy machine proves nothing.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    include: ["test/**/*.test.ts"],
    projects: [
      ...readdirSync(new URL("packages", import.meta.url)).map((name) => ({ name, root: `packages/${name}` })),
      { name: "tools", root: "tools" }
    ].map((test) => ({ extends: true as const, test }))
  }
})
