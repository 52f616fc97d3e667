/** `keyfold serve` rotates: what is due by itself, and what callers ask for. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { appendFileSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { journaledStore, keyfold, keyfoldUntil } from "./Keyfold.ts"

const more = `tenants:
  acme: local
rotations:
  pollInterval: 50 millis
  sinks:
    each: { file: "./keys-{name}" }
gateway:
  url: "sqlite:data/gateway.db"
  pepper: { file: ./secrets/pepper }
  port: 0
`

const ask = (url: string, key: string, line: string, body?: unknown) =>
  Effect.promise(async () => {
    const [method = "GET", path = "/"] = line.split(" ")
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" }
    const sent = body === undefined ? {} : { body: JSON.stringify(body) }
    const response = await fetch(`${url}/v1/tenants/acme${path}`, { method, headers, ...sent })
    return { status: response.status, json: (await response.json()) as Readonly<Record<string, unknown>> }
  })

const serving = (folder: string) =>
  Effect.map(
    keyfoldUntil(["serve", "--json"], "\n", { folder }),
    (output) => (JSON.parse(output) as { url: string }).url
  )

/** Gives a folder a gateway and a key of acme's of this name, whose secret is where a sink puts it. */
const workshop = Effect.fnUntraced(function* (folder: string, name: string, schedule: string) {
  appendFileSync(join(folder, "keyfold.yaml"), more.replace("acme: local", schedule))
  const first = yield* keyfold(["gateway", "init", "--json"], { folder })
  const { secret: admin } = JSON.parse(first.stdout) as { secret: string }
  const url = yield* serving(folder)
  const { json } = yield* ask(url, admin, "POST /keys", { name })
  const { key, secret } = json as { key: { id: string }; secret: string }
  const file = join(folder, `keys-${name}`)
  writeFileSync(file, secret, { mode: 0o600 })
  return { id: key.id, admin, old: secret, holds: () => readFileSync(file, "utf8") }
})

const eventually = Effect.fnUntraced(function* <A>(look: Effect.Effect<A>, isSo: (found: A) => boolean) {
  for (let tries = 0; tries < 600; tries++) {
    const found = yield* look
    if (isSo(found)) return found
    yield* Effect.sleep("50 millis")
  }
  return assert.fail("it did not become so in 30 seconds")
})

describe("keyfold serve", () => {
  it.live("rotates what the schedules of the file say, and what a caller asks for", () =>
    Effect.gen(function* () {
      const schedule =
        "acme: { store: local, rotation: { every: 1s, overlap: 0s, sink: each, where: 'name == \"due\"' } }"
      const folder = yield* journaledStore
      const { admin, holds, id, old } = yield* Effect.scoped(workshop(folder, "due", schedule))
      yield* Effect.sleep("1100 millis")
      const url = yield* serving(folder)
      const rotations = yield* eventually(
        Effect.map(
          ask(url, admin, `GET /rotations?key=${id}`),
          ({ json }) => json["rotations"] as Array<{ status: string }>
        ),
        ([rotation]) => rotation?.status === "done"
      )
      assert.lengthOf(rotations, 1)
      assert.notStrictEqual(holds(), old)
      const { key: fresh } = (yield* ask(url, admin, "POST /verify", { secret: holds() })).json as {
        key: { id: string }
      }
      const asked = yield* ask(url, admin, `POST /keys/${fresh.id}/rotations`, { sink: "each", overlapMillis: 0 })
      assert.strictEqual(asked.status, 202, JSON.stringify(asked.json))
      yield* eventually(
        ask(url, admin, `GET /rotations/${String(asked.json["id"])}`),
        ({ json }) => json["status"] === "done"
      )
      const last = yield* ask(url, admin, "POST /verify", { secret: holds() })
      assert.strictEqual(last.json["valid"], true)
      const listed = yield* keyfold(["rotations", "--json"], { folder })
      assert.strictEqual(listed.stdout.trim().split("\n").length, 2)
    }).pipe(Effect.scoped)
  )
})
