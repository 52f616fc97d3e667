/** A real Chromium for tests, in a new profile, which watches what a page does that it should not. */
import * as Effect from "effect/Effect"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { chromium, type BrowserContextOptions, type Page } from "playwright-core"

const program = [
  process.env["CHROMIUM"],
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
  "/snap/bin/chromium",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
].find((path) => path !== undefined && path !== "" && existsSync(path))

/** Why no browser can be had; undefined where one can. */
export const problem =
  program === undefined ? "there is no Chromium: install one, or name it in the variable CHROMIUM" : undefined

if (problem !== undefined) console.warn(`SKIPPED, the console was not tried in a browser: ${problem}`)

const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync"
]

/** What happened in a browser that may not happen. */
export interface Watched {
  /** Every address that was asked for, and every address a page had. */
  readonly addresses: ReadonlyArray<string>
  /** Errors and warnings on the console, violations of the content security policy among them, and uncaught errors. */
  readonly complaints: ReadonlyArray<string>
}

/** An open page, and what was seen of it. */
export interface Browser extends Watched {
  readonly page: Page
}

/** Opens a browser with nothing in it until the scope closes. */
export const open = (options: BrowserContextOptions = {}) =>
  Effect.gen(function* () {
    const profile = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "keyfold-chromium-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
    )
    const context = yield* Effect.acquireRelease(
      Effect.promise(() =>
        chromium.launchPersistentContext(profile, {
          ...options,
          headless: true,
          executablePath: program ?? "",
          args: flags
        })
      ),
      (opened) => Effect.promise(() => opened.close())
    )
    const addresses: Array<string> = []
    const complaints: Array<string> = []
    context.on("request", (request) => void addresses.push(request.url()))
    context.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(message.text())
    })
    context.on("weberror", (error) => void complaints.push(error.error().message))
    const page = context.pages()[0] ?? (yield* Effect.promise(() => context.newPage()))
    page.on("framenavigated", (frame) => void addresses.push(frame.url()))
    page.setDefaultTimeout(20_000)
    return { page, addresses, complaints } satisfies Browser
  })
