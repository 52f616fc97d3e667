import { assert, describe, it } from "@effect/vitest"
import * as Gateway from "@keyfold/gateway/Gateway"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import type * as Scope from "effect/Scope"
import type { Page } from "playwright-core"
import { findingsOf, unreachedOf } from "./Accessible.ts"
import * as Chromium from "./Chromium.ts"
import { journaled, rotating } from "./Rotating.ts"
import { asking, database, stores } from "./World.ts"

/** A gateway on a socket that rotates, and its first key. */
const served = Effect.gen(function* () {
  const { opened } = yield* stores
  const at = yield* database
  const admin = Redacted.value((yield* Gateway.init(at)).secret)
  const { rotations } = yield* rotating(opened, {})
  const backends = Gateway.fromKeyStores(opened, true)
  const { url } = yield* Gateway.serve({ backends, database: at, port: 0, rotations })
  return { url, admin, ask: asking(fetch, url) }
})

const running = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) =>
  journaled(effect).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None"))

/** Tabs until what has the focus is called so. */
const tabTo = async (page: Page, name: string): Promise<void> => {
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press("Tab")
    const focused = await page.evaluate(() => {
      const element = document.activeElement as HTMLInputElement | null
      const label = element?.labels?.[0]?.textContent ?? element?.textContent ?? ""
      return `${element?.getAttribute("aria-label") ?? ""}${label}`.replace(/\s+/g, " ").trim()
    })
    if (focused.startsWith(name)) return
  }
  assert.fail(`the Tab key does not get to "${name}" on ${page.url()}`)
}

/** Tabs to something and presses Enter, which leads to another page. */
const press = async (page: Page, name: string): Promise<void> => {
  await tabTo(page, name)
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")])
}

const write = async (page: Page, name: string, text: string): Promise<void> => {
  await tabTo(page, name)
  await page.keyboard.type(text)
}

const signIn = async (page: Page, url: string, key: string): Promise<void> => {
  await page.goto(`${url}/`)
  await write(page, "Key of this gateway", key)
  await press(page, "Sign in")
}

/** What stands on a page that may be on its way to another, or to the browser's own page. */
const contentOf = async (page: Page): Promise<string> => {
  for (let tries = 0; tries < 50; tries++) {
    const content = await page.content().catch(() => undefined)
    if (content !== undefined) return content
    await page.waitForLoadState().catch(() => undefined)
  }
  return assert.fail(`there is no page at ${page.url()}`)
}

const secretOf = (page: Page) => page.inputValue("#secret")

describe.skipIf(Chromium.problem !== undefined)("the console in Chromium", () => {
  const open = Chromium.useChromium()

  it.live("takes a key through its whole life by the keyboard alone, asks no other host, and leaks no secret", () =>
    running(
      Effect.gen(function* () {
        const { admin, ask, url } = yield* served
        const { addresses, complaints, page } = yield* open({
          permissions: ["clipboard-read", "clipboard-write"]
        })
        const secrets = yield* Effect.promise(async () => {
          await signIn(page, url, admin)
          assert.strictEqual(
            await page.evaluate(() => document.cookie + localStorage.length + sessionStorage.length),
            "00"
          )
          await press(page, "acme")
          await press(page, "Create a key")
          await write(page, "Name", "nightly")
          await write(page, "Owner", "ada")
          await press(page, "Create the key")
          const first = await secretOf(page)
          await tabTo(page, "Copy")
          await page.keyboard.press("Enter")
          await page.waitForFunction(() => document.querySelector("#copied")?.textContent === "Copied.")
          assert.strictEqual(await page.evaluate(() => navigator.clipboard.readText()), first)
          await page.reload()
          assert.include(await page.textContent("h1"), "Already created")
          assert.notInclude(await page.content(), first)
          await press(page, "On to the keys")
          assert.strictEqual(await page.locator("tbody tr").count(), 1)
          // A browser that would have to send the form again shows a page of its own.
          await page.goBack().catch(() => null)
          assert.notInclude(await contentOf(page), first)
          await page.goto(`${url}/console/keys?tenant=acme`)
          await press(page, "nightly")
          await press(page, "Rotate")
          await write(page, "Overlap in hours", "0")
          await press(page, "Rotate the key")
          const second = await secretOf(page)
          await press(page, "The secret is in its place")
          // The page follows the rotation by itself.
          await page.waitForFunction(() => document.querySelector("#progress .badge")?.textContent === "done")
          await press(page, "Keys")
          await press(page, "Revoke")
          await tabTo(page, "Yes, revoke key")
          await page.keyboard.press("Space")
          await press(page, "Revoke the key")
          assert.include(await page.textContent("[role=status]"), "is revoked")
          await press(page, "Sign out")
          await page.goto(`${url}/console/keys?tenant=acme`)
          assert.include(await page.textContent("h1"), "Sign in")
          return [first, second]
        })
        for (const secret of secrets) {
          const { json } = yield* ask("POST /v1/tenants/acme/verify", { key: admin, body: { secret } })
          assert.deepStrictEqual(json, { valid: false, reason: "revoked" })
        }
        assert.deepStrictEqual(
          addresses.filter((address) => /^(https?|wss?|file):/.test(address) && !address.startsWith(`${url}/`)),
          []
        )
        for (const secret of [admin, ...secrets]) assert.isFalse(addresses.some((address) => address.includes(secret)))
        // A browser itself says of a page that it was answered with 409.
        assert.deepStrictEqual(
          complaints.filter((text) => !text.includes("409 (Conflict)")),
          []
        )
      })
    )
  )

  it.live("has pages that everybody can read and use, in a wide window and a narrow one, by day and by night", () =>
    running(
      Effect.gen(function* () {
        const { admin, ask, url } = yield* served
        const created = yield* ask("POST /v1/tenants/acme/keys", {
          key: admin,
          body: {
            name: "a".repeat(60),
            owner: "somebody.with.a.long.name@an.organisation.example",
            scopes: ["admin:*"]
          }
        })
        const { id } = created.json["key"] as { readonly id: string }
        const about = `tenant=acme&id=${id}`
        const { complaints, page } = yield* open()
        const paths = [
          "/",
          "/console/keys?tenant=acme",
          "/console/keys?tenant=globex",
          `/console/key?${about}`,
          "/console/new?tenant=acme",
          `/console/revoke?${about}`,
          `/console/rotate?${about}`,
          "/console/rotations?tenant=acme"
        ]
        yield* Effect.promise(async () => {
          const check = async () => {
            for (const [width, colorScheme] of [
              [1280, "light"],
              [360, "dark"]
            ] as const) {
              await page.setViewportSize({ width, height: 800 })
              await page.emulateMedia({ colorScheme, reducedMotion: "reduce" })
              assert.deepStrictEqual(await findingsOf(page), [], `${page.url()} at ${width}, ${colorScheme}`)
            }
            assert.deepStrictEqual(await unreachedOf(page), [], page.url())
          }
          await page.goto(`${url}/`)
          await check()
          await signIn(page, url, admin)
          for (const path of paths) {
            await page.goto(`${url}${path}`)
            await check()
          }
          await page.goto(`${url}/console/rotate?${about}`)
          await press(page, "Rotate the key")
          await check()
          await press(page, "Not yet")
          await check()
          await page.goto(`${url}/console/rotations?tenant=acme`)
          await check()
        })
        assert.deepStrictEqual(complaints, [])
      })
    )
  )

  it.live("needs no script to create and revoke a key", () =>
    running(
      Effect.gen(function* () {
        const { admin, ask, url } = yield* served
        const { page } = yield* open({ javaScriptEnabled: false })
        const secret = yield* Effect.promise(async () => {
          await page.goto(`${url}/`)
          await page.fill("#key", admin)
          await page.click("main button")
          await page.goto(`${url}/console/new?tenant=acme`)
          await page.fill("#name", "plain")
          await page.click("text=Create the key")
          const shown = await secretOf(page)
          assert.isFalse(await page.isVisible("text=Copy"))
          await page.click("text=on to the keys")
          await page.click("td a:has-text('Revoke')")
          await page.check("#sure")
          await page.click("button.danger")
          return shown
        })
        const { json } = yield* ask("POST /v1/tenants/acme/verify", { key: admin, body: { secret } })
        assert.deepStrictEqual(json, { valid: false, reason: "revoked" })
      })
    )
  )
})
