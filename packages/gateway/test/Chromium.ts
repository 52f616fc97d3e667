/** A real Chromium for tests, in a new profile, which watches what a page does that it should not. */
import { afterAll, beforeAll } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { existsSync } from "node:fs"
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core"

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
export interface Window extends Watched {
  readonly page: Page
}

/**
 * Has one Chromium with a new profile for all tests of the block it is called in. What it returns opens a window that shares
 * nothing with others, until the scope closes.
 */
export const useChromium = () => {
  let browser: Browser | undefined
  beforeAll(async () => {
    browser = await chromium.launch({ headless: true, executablePath: program ?? "", args: flags })
  })
  afterAll(() => browser?.close())
  return Effect.fnUntraced(function* (
    options: BrowserContextOptions = {}
  ): Effect.fn.Return<Window, never, Scope.Scope> {
    const context = yield* Effect.acquireRelease(
      Effect.promise(async () => {
        if (browser === undefined) throw new Error("the browser has not begun")
        return await browser.newContext(options)
      }),
      (opened) => Effect.promise(() => opened.close())
    )
    const addresses: Array<string> = []
    const complaints: Array<string> = []
    context.on("request", (request) => void addresses.push(request.url()))
    context.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(message.text())
    })
    context.on("weberror", (error) => void complaints.push(error.error().message))
    const page = yield* Effect.promise(() => context.newPage())
    page.on("framenavigated", (frame) => void addresses.push(frame.url()))
    page.setDefaultTimeout(30_000)
    return { page, addresses, complaints }
  })
}
