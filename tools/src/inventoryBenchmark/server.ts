/**
 * The backends in a process of their own: the emulators on sockets or, harder on who reads them, a server that answers the
 * same bytes from memory.
 */
import * as Arthur from "@keyfold/emulators/Arthur"
import * as WhyLabs from "@keyfold/emulators/WhyLabs"
import * as FetchServer from "@keyfold/node/FetchServer"
import * as Effect from "effect/Effect"
import { createServer } from "node:http"
import type { Backends } from "./measured.ts"
import { arthurKeys, organization, whylabsKeys } from "./seeds.ts"

const [servers = "", manyStores = "", keysOfEach = "", keysOfShared = ""] = process.argv.slice(2)
const stores = Number(manyStores)

/** So many seeds at once are no danger to the stack. */
const batch = 1000

const makeWhylabs = (credential: string): WhyLabs.WhyLabsEmulator => {
  const names = Array.from({ length: stores }, (_, number) => organization(number))
  const emulator = WhyLabs.make({
    organizations: names.map((id) => ({ id, tier: "PAID" as const })),
    credentials: [{ kind: "system", value: credential }],
    log: 0
  })
  for (let of = 0; of < stores; of++) {
    const seeds = whylabsKeys(of, Number(keysOfEach))
    for (let from = 0; from < seeds.length; from += batch) emulator.seed(...seeds.slice(from, from + batch))
  }
  return emulator
}

const makeArthur = async (credential: string): Promise<Arthur.ArthurEmulator> => {
  const emulator = Arthur.make({ credentials: [{ kind: "master", value: credential }], log: 0 })
  const seeds = await arthurKeys(Number(keysOfShared))
  for (let from = 0; from < seeds.length; from += batch) emulator.seed(...seeds.slice(from, from + batch))
  return emulator
}

/** Answers what the function answers, from memory: the first time and ever after. */
const fromMemory = (fetch: FetchServer.Fetch, credential: Headers): Promise<string> => {
  const known = new Map<string, Promise<ArrayBuffer>>()
  const bytesOf = async (path: string): Promise<ArrayBuffer> => {
    const answer = await fetch(new Request(`http://127.0.0.1${path}`, { headers: credential }))
    return answer.arrayBuffer()
  }
  const server = createServer({ keepAliveTimeout: 60_000 }, async (request, response) => {
    const path = request.url ?? ""
    const body = known.get(path) ?? bytesOf(path)
    known.set(path, body)
    const bytes = new Uint8Array(await body)
    response.writeHead(200, { "content-type": "application/json", "content-length": bytes.byteLength }).end(bytes)
  })
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      resolve(`http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`)
    })
  })
}

const onSocket = (fetch: FetchServer.Fetch): Promise<string> =>
  new Promise((resolve) => {
    Effect.runFork(
      Effect.scoped(
        Effect.andThen(
          Effect.map(FetchServer.serve({ fetch }), ({ url }) => resolve(url)),
          Effect.never
        )
      )
    )
  })

const credentials = { whylabs: WhyLabs.makeCredential(), arthur: Arthur.makeCredential() }
const whylabs = makeWhylabs(credentials.whylabs)
const arthur = await makeArthur(credentials.arthur)

const serve = (fetch: FetchServer.Fetch, headers: Readonly<Record<string, string>>): Promise<string> =>
  servers === "emulators" ? onSocket(fetch) : fromMemory(fetch, new Headers(headers))

const backends: Backends = {
  whylabs: { url: await serve(whylabs.fetch, { "x-api-key": credentials.whylabs }), credential: credentials.whylabs },
  arthur: {
    url: await serve(arthur.fetch, { authorization: `Bearer ${credentials.arthur}` }),
    credential: credentials.arthur
  }
}
process.send?.(backends)

process.on("disconnect", () => process.exit(0))
