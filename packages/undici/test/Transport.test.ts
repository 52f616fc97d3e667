/** What every transport promises, over real sockets: ky, the default, and undici run the same checks. */
import { describe } from "@effect/vitest"
import * as UndiciTransport from "@keyfold/undici/UndiciTransport"
import * as Layer from "effect/Layer"
import { answers } from "./answerChecks.ts"
import { endings } from "./endingChecks.ts"
import { failures } from "./failureChecks.ts"
import { requests } from "./requestChecks.ts"
import { checkWith } from "./TransportCalls.ts"

const transports: ReadonlyArray<readonly [name: string, transport: Layer.Layer<never>]> = [
  ["the default transport over ky", Layer.empty],
  ["the transport over undici", UndiciTransport.layer]
]

for (const [name, transport] of transports) {
  const check = checkWith(transport)
  describe(name, () => {
    describe("towards the server", () => requests(check))
    describe("back from the server", () => answers(check))
    describe("ended early", () => endings(check))
    describe("where the connection fails", () => failures(check))
  })
}
