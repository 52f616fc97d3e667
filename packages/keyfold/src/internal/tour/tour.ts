/** The tour: every store started, configured, opened and put through the same program. */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { rmSync } from "node:fs"
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openStore } from "../stores.ts"
import { program } from "./program.ts"
import type { Step } from "./recorder.ts"
import { tourStores, type TourStore } from "./stores.ts"

/** What the tour showed. */
export interface TourReport {
  readonly stores: ReadonlyArray<{ readonly store: string; readonly adapter: string; readonly about: string }>
  readonly configuration: string
  readonly steps: ReadonlyArray<Step>
}

const failed = (error: unknown) =>
  new ConfigurationError({
    problem: `the tour's temporary folder cannot be made or written in ${tmpdir()} (${
      error instanceof Error && "code" in error ? String(error.code) : "unknown error"
    }).`,
    fix: "Point TMPDIR to a folder this user may write to."
  })

interface Folder {
  readonly path: string
  readonly removeAtExit: () => void
}

const makeFolder = async (): Promise<Folder> => {
  const path = await realpath(await mkdtemp(join(tmpdir(), "keyfold-tour-")))
  // For a process that ends without closing its scopes.
  const removeAtExit = () => rmSync(path, { recursive: true, force: true })
  process.once("exit", removeAtExit)
  await mkdir(join(path, "secrets"))
  await mkdir(join(path, "data"))
  return { path, removeAtExit }
}

const removeFolder = async ({ path, removeAtExit }: Folder): Promise<void> => {
  await rm(path, { recursive: true, force: true, maxRetries: 3 })
  process.off("exit", removeAtExit)
}

const temporaryFolder = Effect.acquireRelease(Effect.tryPromise({ try: makeFolder, catch: failed }), (folder) =>
  Effect.promise(() => removeFolder(folder))
)

const write = (stores: ReadonlyArray<readonly [name: string, store: TourStore]>): string =>
  ["stores:", ...stores.flatMap(([name, { entry }]) => [`  ${name}:`, ...entry.map((line) => `    ${line}`)]), ""].join(
    "\n"
  )

/** Runs the program on the named stores; the scope's end stops the emulators and removes the folder. */
export const takeTour = Effect.fnUntraced(function* (names: ReadonlyArray<string>) {
  const { path: folder } = yield* temporaryFolder
  const stores: Array<readonly [name: string, store: TourStore]> = []
  for (const name of names) {
    const start = tourStores[name]
    if (start !== undefined) stores.push([name, yield* start(folder)])
  }
  const configuration = write(stores)
  const path = join(folder, "keyfold.yaml")
  yield* Effect.tryPromise({ try: () => writeFile(path, configuration), catch: failed })
  const steps: Array<Step> = []
  for (const [name, { requests }] of stores) {
    const settings = { json: false, store: Option.some(name), config: Option.some(path) }
    const taken = yield* Effect.scoped(Effect.flatMap(openStore(settings), (store) => program(store, requests)))
    steps.push(...taken)
  }
  const report: TourReport = {
    stores: stores.map(([store, { about, adapter }]) => ({ store, adapter, about })),
    configuration,
    steps
  }
  return report
})
