/** The faults over real sockets: what breaks late must reach the client, and what commits late must not need one. */
import { assert, describe, it } from "@effect/vitest"
import * as Faults from "@keyfold/emulators/Faults"
import * as FetchServer from "@keyfold/node/FetchServer"
import * as Effect from "effect/Effect"
import { request as httpRequest, type ClientRequest } from "node:http"
import { keysPath, makeArthur } from "./ArthurEngine.ts"

const hour = 3_600_000

/** An Arthur emulator on a socket, and a promise for the end of its next request, whoever is left to see it. */
const served = Effect.gen(function* () {
  const { emulator, master } = makeArthur()
  let ended = Promise.withResolvers<void>()
  const { url } = yield* FetchServer.serve({
    fetch: (request) => emulator.fetch(request).finally(() => ended.resolve())
  })
  const headers = { Authorization: `Bearer ${master}`, "Content-Type": "application/json" }
  const init = { method: "POST", headers, body: '{"description":"one"}' }
  return {
    emulator,
    create: (signal?: AbortSignal) => fetch(url + keysPath, { ...init, ...(signal === undefined ? {} : { signal }) }),
    list: () => fetch(url + keysPath, { headers }),
    revoke: (id: string) => fetch(`${url}${keysPath}deactivate/${id}`, { method: "DELETE", headers }),
    /** Sends a create by hand and tells how the answer ended. */
    send: () =>
      new Promise<{ readonly status: number | undefined; readonly text: string; readonly complete: boolean }>(
        (resolve, reject) => {
          const request: ClientRequest = httpRequest(url + keysPath, init, (response) => {
            let text = ""
            response.setEncoding("utf8")
            response.on("data", (piece: string) => (text += piece))
            response.on("error", () => {})
            response.on("close", () => resolve({ status: response.statusCode, text, complete: response.complete }))
          })
          request.on("error", reject)
          request.end(init.body)
        }
      ),
    nextEnd: () => {
      ended = Promise.withResolvers()
      return ended.promise
    }
  }
})

const live = (name: string, test: (parts: Effect.Success<typeof served>) => Promise<unknown>) =>
  it.live(name, () => Effect.flatMap(served, (parts) => Effect.promise(() => test(parts))))

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => assert.fail("expected a rejection"),
    (error) => error.cause?.code ?? error.code ?? error.name
  )

describe("over a socket", () => {
  live("a cut answer brings status, headers and exactly half the body", async ({ create, emulator, send }) => {
    const whole = (await (await create()).text()).length
    for (let round = 0; round < 20; round++) {
      emulator.cutNext()
      const { complete, status, text } = await send()
      assert.deepStrictEqual([status, text.length, complete], [200, Math.floor(whole / 2), false])
    }
    assert.lengthOf(emulator.keys(), 21)
  })

  live("a cut answer breaks the client's reading of the body", async ({ create, emulator }) => {
    emulator.cutNext()
    const response = await create()
    assert.strictEqual(response.status, 200)
    assert.include(["ECONNRESET", "UND_ERR_SOCKET"], await codeOf(response.text()))
    assert.lengthOf(emulator.keys(), 1)
  })

  live("a cut answer without a body is a broken connection", async ({ create, emulator, revoke }) => {
    const { id } = await (await create()).json()
    emulator.cutNext()
    assert.strictEqual(await codeOf(revoke(id)), "ECONNRESET")
    assert.isTrue(emulator.keys()[0]?.revoked)
  })

  live("a trickle arrives piece by piece, after the status", async ({ create, emulator }) => {
    emulator.trickleNext(8 * hour)
    const response = await create()
    assert.strictEqual(response.status, 200)
    const reader = response.body?.getReader()
    const decoder = new TextDecoder()
    const pieces: Array<string> = []
    for (let piece = 0; piece < 8; piece++) {
      emulator.clock.advance(hour)
      pieces.push(decoder.decode((await reader?.read())?.value))
    }
    assert.isTrue((await reader?.read())?.done)
    assert.isTrue(pieces.every((piece) => piece.length > 0))
    assert.strictEqual(JSON.parse(pieces.join("")).description, "one")
  })

  live("a client that leaves a trickle leaves the emulator well", async ({ create, emulator, list }) => {
    emulator.trickleNext(hour)
    const controller = new AbortController()
    const response = await create(controller.signal)
    controller.abort()
    assert.strictEqual(await codeOf(response.text()), 20)
    emulator.clock.advance(hour)
    assert.lengthOf(await (await list()).json(), 1)
  })

  live("a request commits late after its client has gone", async ({ create, emulator, list, nextEnd }) => {
    emulator.delayNext(hour, { commit: "after" })
    const controller = new AbortController()
    const end = nextEnd()
    const pending = codeOf(create(controller.signal))
    while (emulator.requests.count() === 0) await new Promise((resolve) => setImmediate(resolve))
    controller.abort()
    await pending
    await end
    assert.strictEqual(emulator.requests.all[0]?.outcome, "aborted")
    assert.lengthOf(emulator.keys(), 0)
    emulator.clock.advance(hour)
    assert.lengthOf(await (await list()).json(), 1)
    assert.isTrue(emulator.requests.all[0]?.handled)
  })

  live("an abandoned request is a reset at once and a key later", async ({ emulator, list, send }) => {
    emulator.abandonNext(hour)
    assert.strictEqual(await codeOf(send()), "ECONNRESET")
    assert.lengthOf(await (await list()).json(), 0)
    emulator.clock.advance(hour)
    assert.lengthOf(await (await list()).json(), 1)
  })

  live(
    "a request delivered twice makes two keys, whichever answer the client gets",
    async ({ create, emulator, send }) => {
      emulator.duplicateNext(0)
      const { id } = await (await create()).json()
      assert.strictEqual(id, emulator.keys()[0]?.id)
      emulator.duplicateNext(hour, { answer: "none" })
      assert.strictEqual(await codeOf(send()), "ECONNRESET")
      emulator.clock.advance(hour)
      await create()
      assert.lengthOf(emulator.keys(), 5)
    }
  )

  live("a plan injects the same as in process, and the server goes on", async ({ emulator, list, send }) => {
    const plan = Faults.plan({ seed: 5, mix: Faults.mixes.everything, scale: 0.000_1, times: { stale: [0, 12_000] } })
    emulator.setFaults(plan)
    for (let round = 0; round < 60; round++) await send().catch(() => undefined)
    emulator.setFaults(undefined)
    emulator.clock.advance(hour)
    assert.isAbove(plan.injected.length, 10)
    const created = plan.injected.reduce((sum, injected) => sum + injected.created.length, 0)
    const spared = plan.counts().get("none")?.requests ?? 0
    assert.lengthOf(await (await list()).json(), created + spared)
    assert.lengthOf(emulator.keys(), created + spared)
  })
})
