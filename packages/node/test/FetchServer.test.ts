import { assert, describe, it } from "@effect/vitest"
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as FetchServer from "@keyfold/node/FetchServer"
import * as Effect from "effect/Effect"
import { request as httpRequest, type IncomingMessage } from "node:http"
import { connect } from "node:net"
import { text } from "node:stream/consumers"

const serve = (fetch: FetchServer.Fetch) => FetchServer.serve({ fetch })

const get = (url: string, init?: RequestInit) => Effect.promise(() => fetch(url, { redirect: "manual", ...init }))

const body = (response: Response) => Effect.promise(() => response.text())

const connectionReset = () => Object.assign(new TypeError("fetch failed"), { cause: { code: "ECONNRESET" } })

const broken = (url: string) =>
  Effect.callback<string>((resume) => {
    const request = httpRequest(url, () => resume(Effect.succeed("answered")))
    request.on("error", (error: NodeJS.ErrnoException) => resume(Effect.succeed(error.code ?? "")))
    request.end()
  })

/** Sends bytes as they are and returns all that comes back. */
const raw = (port: number, lines: ReadonlyArray<string>) =>
  Effect.promise(() => {
    const socket = connect(port, "127.0.0.1")
    socket.end(`${lines.join("\r\n")}\r\n\r\n`)
    return text(socket)
  })

describe("serve", () => {
  it.live("passes method, URL, headers and body on, and the answer back", () =>
    Effect.gen(function* () {
      const { port, url } = yield* serve(async (request) => {
        const received = {
          method: request.method,
          url: request.url,
          header: request.headers.get("x-test"),
          body: await request.text()
        }
        return Response.json(received, { status: 201, statusText: "Made", headers: { "x-answer": "yes" } })
      })
      assert.strictEqual(url, `http://127.0.0.1:${port}`)
      const response = yield* get(`${url}//a%2Fb?c=d&c=e`, {
        method: "PUT",
        body: "content",
        headers: { "x-test": "one" }
      })
      assert.strictEqual(response.status, 201)
      assert.strictEqual(response.statusText, "Made")
      assert.strictEqual(response.headers.get("x-answer"), "yes")
      assert.deepStrictEqual(JSON.parse(yield* body(response)), {
        method: "PUT",
        url: `${url}//a%2Fb?c=d&c=e`,
        header: "one",
        body: "content"
      })
    })
  )

  it.live("keeps every set-cookie and follows no redirect", () =>
    Effect.gen(function* () {
      let calls = 0
      const { url } = yield* serve(() => {
        calls++
        const headers = new Headers({ location: "/elsewhere" })
        headers.append("set-cookie", "a=1, b")
        headers.append("set-cookie", "c=2")
        return Promise.resolve(new Response(null, { status: 302, headers }))
      })
      const response = yield* get(url)
      assert.strictEqual(response.status, 302)
      assert.deepStrictEqual(response.headers.getSetCookie(), ["a=1, b", "c=2"])
      assert.strictEqual(response.headers.get("location"), "/elsewhere")
      assert.strictEqual(calls, 1)
    })
  )

  it.live("streams both ways: the answer begins before the request ends", () =>
    Effect.gen(function* () {
      const { url } = yield* serve((request) => Promise.resolve(new Response(request.body)))
      const received = yield* Effect.callback<string>((resume) => {
        const pieces: Array<string> = []
        const request = httpRequest(url, { method: "POST" }, (response: IncomingMessage) => {
          response.setEncoding("utf8")
          response.on("data", (piece: string) => {
            pieces.push(piece)
            if (pieces.length === 1) request.end("second")
          })
          response.on("end", () => resume(Effect.succeed(pieces.join("+"))))
        })
        request.write("first")
      })
      assert.strictEqual(received, "first+second")
    })
  )

  it.live("answers HEAD without a body, and a request whose body nobody reads", () =>
    Effect.gen(function* () {
      let cancelled = false
      const { url } = yield* serve((request) =>
        Promise.resolve(
          request.method === "HEAD"
            ? new Response(new ReadableStream({ cancel: () => void (cancelled = true) }))
            : new Response("unread")
        )
      )
      const response = yield* get(url, { method: "HEAD" })
      assert.strictEqual(response.status, 200)
      assert.isTrue(cancelled)
      for (let round = 0; round < 3; round++) {
        const answer = yield* get(url, { method: "POST", body: "x".repeat(1_000_000) })
        assert.strictEqual(yield* body(answer), "unread")
      }
    })
  )

  it.live("aborts the request's signal when the client goes away, and not after an answer", () =>
    Effect.gen(function* () {
      const signals: Array<AbortSignal> = []
      const started = Promise.withResolvers<void>()
      const aborted = Promise.withResolvers<void>()
      const { url } = yield* serve((request) => {
        signals.push(request.signal)
        if (request.url.endsWith("/quick")) return Promise.resolve(new Response("done"))
        started.resolve()
        request.signal.addEventListener("abort", () => aborted.resolve())
        return new Promise(() => undefined)
      })
      yield* body(yield* get(`${url}/quick`))
      const controller = new AbortController()
      const pending = fetch(url, { signal: controller.signal }).catch(() => "gone")
      yield* Effect.promise(() => started.promise)
      controller.abort()
      yield* Effect.promise(() => aborted.promise)
      assert.strictEqual(yield* Effect.promise(() => pending), "gone")
      assert.deepStrictEqual(
        signals.map((signal) => signal.aborted),
        [false, true]
      )
    })
  )

  it.live("breaks the connection where the function rejects as a broken connection does", () =>
    Effect.gen(function* () {
      const { url } = yield* serve(() => Promise.reject(connectionReset()))
      assert.strictEqual(yield* broken(url), "ECONNRESET")
    })
  )

  it.live("breaks the connection where the answer's body fails half way", () =>
    Effect.gen(function* () {
      const begun = Promise.withResolvers<void>()
      const { url } = yield* serve(() => {
        const pieces = [new TextEncoder().encode("half")]
        const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
          const piece = pieces.pop()
          if (piece !== undefined) return controller.enqueue(piece)
          await begun.promise
          controller.error(connectionReset())
        }
        return Promise.resolve(new Response(new ReadableStream({ pull })))
      })
      const response = yield* get(url)
      assert.strictEqual(response.status, 200)
      begun.resolve()
      assert.include(yield* Effect.flip(Effect.tryPromise({ try: () => response.text(), catch: String })), "terminated")
    })
  )

  it.live("answers 500 without a word where the function fails in another way, and goes on", () =>
    Effect.gen(function* () {
      const { url } = yield* serve((request) => {
        if (request.url.endsWith("/throw")) throw new Error("canary-2b")
        return request.url.endsWith("/invalid")
          ? Promise.resolve(Response.error())
          : Promise.resolve(new Response("fine"))
      })
      for (const path of ["/throw", "/invalid"]) {
        const response = yield* get(`${url}${path}`)
        assert.strictEqual(response.status, 500)
        assert.strictEqual(yield* body(response), "")
      }
      assert.strictEqual(yield* body(yield* get(url)), "fine")
    })
  )

  it.live("answers 400 to what no request can hold", () =>
    Effect.gen(function* () {
      const { port } = yield* serve(() => Promise.resolve(new Response("fine")))
      const status = (lines: ReadonlyArray<string>) =>
        Effect.map(raw(port, [...lines, "Connection: close"]), (answer) => answer.split("\r\n")[0])
      assert.strictEqual(yield* status(["GET / HTTP/1.1", "Host: a b"]), "HTTP/1.1 400 Bad Request")
      assert.strictEqual(yield* status(["TRACE / HTTP/1.1", "Host: a"]), "HTTP/1.1 400 Bad Request")
      assert.strictEqual(yield* status(["GET / HTTP/1.1", "Host: a"]), "HTTP/1.1 200 OK")
    })
  )

  it.live("closes the socket and the connections in use with its scope", () =>
    Effect.gen(function* () {
      const started = Promise.withResolvers<void>()
      const { pending, url } = yield* Effect.scoped(
        Effect.gen(function* () {
          const { url } = yield* serve(() => {
            started.resolve()
            return new Promise(() => undefined)
          })
          const pending = fetch(url).then(
            () => "answered",
            () => "closed"
          )
          yield* Effect.promise(() => started.promise)
          return { pending, url }
        })
      )
      assert.strictEqual(yield* Effect.promise(() => pending), "closed")
      assert.strictEqual(yield* broken(url), "ECONNREFUSED")
    })
  )

  it.live("says what to do where it cannot listen", () =>
    Effect.gen(function* () {
      const fetch: FetchServer.Fetch = () => Promise.resolve(new Response())
      const { port } = yield* FetchServer.serve({ fetch })
      const inUse = yield* Effect.flip(FetchServer.serve({ fetch, port }))
      assert.instanceOf(inUse, ConfigurationError)
      assert.strictEqual(inUse.message, `127.0.0.1:${port} is in use. Choose another port, or 0 for any free one.`)
      const noPort = yield* Effect.flip(FetchServer.serve({ fetch, port: 70_000 }))
      assert.include(noPort.message, "70000 is not a port")
      const elsewhere = yield* Effect.flip(FetchServer.serve({ fetch, host: "192.0.2.1" }))
      assert.include(elsewhere.message, "192.0.2.1:0 is not an address of this machine")
    })
  )
})
