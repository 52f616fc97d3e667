/** WhyLabs over a network that does one thing wrong, as a careless client would. */
import * as KeyStore from "@keyfold/core/KeyStore"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { inProcess, whylabsV0 } from "../Subjects.ts"
import { wireMutant, type Mutant } from "./mutant.ts"

type Fetch = typeof globalThis.fetch

const asked = (input: Parameters<Fetch>[0], init: Parameters<Fetch>[1]) => new Request(input, init)

const rewriting =
  (rewrite: (url: URL, request: Request) => void) =>
  (fetch: Fetch): Fetch =>
  (input, init) => {
    const request = asked(input, init)
    const url = new URL(request.url)
    rewrite(url, request)
    return fetch(new Request(url, request))
  }

const rereading =
  (
    reread: (text: string, response: Response, request: Request) => { readonly text?: string; readonly status?: number }
  ) =>
  (fetch: Fetch): Fetch =>
  async (input, init) => {
    const request = asked(input, init)
    const response = await fetch(request.clone())
    const before = await response.text()
    const { status = response.status, text = before } = reread(before, response, request)
    return new Response(text, { status, headers: response.headers })
  }

/** What a client does that repeats answered outages by itself. */
const repeating =
  (methods: ReadonlyArray<string>) =>
  (fetch: Fetch): Fetch =>
  async (input, init) => {
    const request = asked(input, init)
    const response = await fetch(request.clone())
    return response.status >= 500 && methods.includes(request.method) ? fetch(request) : response
  }

const deaf =
  (fetch: Fetch): Fetch =>
  (input, init) => {
    const { headers, method, url } = asked(input, init)
    return fetch(url, { headers, method })
  }

const zoneless = /"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?)"/g
const inKolkata = (text: string) =>
  text.replaceAll(zoneless, (_, time: string) => {
    const local = new Date(`${time}+05:30`).toISOString().replace("Z", "")
    return `"${local}"`
  })

const strict = (text: string, { status }: Response) => (text.includes("addedLater") ? { status: 500 } : { status })

const safely = <A>(evaluate: () => A): A | undefined => {
  try {
    return evaluate()
  } catch {
    return undefined
  }
}

const firstFive = (text: string) => {
  const body: unknown = text === "" ? undefined : JSON.parse(text)
  return typeof body === "object" && body !== null && "items" in body && Array.isArray(body.items)
    ? { text: JSON.stringify({ items: body.items.slice(0, 5) }) }
    : {}
}

/** A client that keeps the last answer, and logs it where a listing cannot be understood. */
const quotingMutant = (caughtBy: ReadonlyArray<string>): Mutant => {
  const last = { text: "" }
  const mutant = wireMutant(
    "logs a success it does not understand",
    rereading((text, { status }) => {
      last.text = status === 200 && !text.includes("keyId") ? text : ""
      return { text }
    }),
    caughtBy
  )
  const { subject } = mutant
  if (subject.backend === undefined) return mutant
  const logging = (store: KeyStore.KeyStore["Service"]) => ({
    ...store,
    list: (filter?: Parameters<typeof store.list>[0]) =>
      Stream.tapError(store.list(filter), ({ reason }) =>
        reason._tag === "InvalidResponse" ? Effect.logWarning(last.text) : Effect.void
      )
  })
  const layer: typeof subject.layer = (options, backend) =>
    Layer.effect(KeyStore.KeyStore, KeyStore.KeyStore.pipe(Effect.map(logging))).pipe(
      Layer.provide(subject.layer(options, backend))
    )
  return { ...mutant, subject: { ...subject, layer } }
}

/** WhyLabs that waits for an answer until no time is left to look for a key and make another. */
const patientMutant = (caughtBy: ReadonlyArray<string>): Mutant => ({
  wrong: "waits too long for an answer",
  caughtBy,
  subject: whylabsV0(inProcess, { timeout: Duration.seconds(25) }) as unknown as Mutant["subject"]
})

/** The mutants of the wire. */
export const mutants = [
  wireMutant("repeats a create that was answered 5xx", repeating(["POST"]), [
    "safeCreate: a create makes one key despite a 500 after the backend acted"
  ]),
  wireMutant("repeats a read that was answered 5xx", repeating(["GET"]), [
    "retries: a read is tried as often as the policy says, and then exhausted",
    "retries: delays double from 200 ms, with jitter between half and whole",
    "retries: a 503 is repeated no earlier than it asks"
  ]),
  wireMutant("does not pass on an abort", deaf, [
    "failures: a read without an answer is a Timeout and leaves no request open",
    "interruption: interrupting create aborts its request and makes nothing",
    "interruption: interrupting get aborts its request and sends no other",
    "interruption: interrupting list aborts its request and sends no other",
    "interruption: interrupting revoke aborts its request and sends no other",
    "interruption: interrupting usage aborts its request and sends no other"
  ]),
  wireMutant(
    "leaves the expiry out of the request",
    rewriting((url) => url.searchParams.delete("expiration_time")),
    [
      "create: an expiry reads back to the millisecond",
      "create: a key past its expiry reads as expired",
      "list: active and expired keys are told apart"
    ]
  ),
  wireMutant(
    "sends the first scope only",
    rewriting((url) => {
      const [scope] = url.searchParams.getAll("scopes")
      if (scope !== undefined) url.searchParams.set("scopes", scope)
    }),
    ["create: scopes read back", "defaults: portable scope names are translated there and back"]
  ),
  wireMutant(
    "reads times in the local zone",
    rereading((text) => ({ text: inKolkata(text) })),
    [
      "create: a creation time is the time of creation",
      "create: an expiry reads back to the millisecond",
      "create: a key past its expiry reads as expired",
      "usage: the time of last use follows the backend's own record"
    ]
  ),
  wireMutant(
    "reads a 404 to a revoke as success",
    rereading((text, { status }, { method }) =>
      method === "DELETE" && status === 404 ? { status: 200, text: '{"keyId":"whatever00","revoked":true}' } : { text }
    ),
    [
      "revoke: a key that exists is NotFound under a wrong owner",
      "retries: a revocation of a brand-new key whose answer was lost is finished",
      "recovery: a key whose sink fails is revoked and NotDelivered"
    ]
  ),
  wireMutant("fails on a field it does not know", rereading(strict), [
    "unknownFields: reads survive fields and words nobody has heard of",
    "unknownFields: writes survive fields and words nobody has heard of",
    "unknownFields: a scope nobody has heard of is shown as it came"
  ]),
  {
    ...wireMutant(
      "lists no more than a few keys",
      (fetch) => async (input, init) => {
        const response = await fetch(input, init)
        const text = await response.text()
        const { headers, status } = response
        return new Response(status === 200 ? (safely(() => firstFive(text).text) ?? text) : text, { status, headers })
      },
      [
        "list: every key is listed once",
        "listPage: pages of any size hold every key once and come to an end",
        "concurrency: keys made at once are as many keys"
      ]
    ),
    mayBeCaughtBy: [
      "listPage: a key revoked between two pages loses and repeats no other",
      "safeCreate: a copied or invented mark is not believed"
    ]
  },
  wireMutant(
    "drops the time the backend asks to wait",
    (fetch) => async (input, init) => {
      const response = await fetch(input, init)
      const headers = new Headers(response.headers)
      headers.delete("retry-after")
      return new Response(await response.text(), { status: response.status, headers })
    },
    [
      "failures: a 503 keeps the time it asks to wait",
      "retries: a 429 is repeated no earlier than it asks",
      "retries: a 503 is repeated no earlier than it asks",
      "retries: a wait above the cap is passed on at once",
      "interruption: interrupting a call that waits for its next attempt ends it"
    ]
  ),
  wireMutant(
    "follows a redirect",
    (fetch) => async (input, init) => {
      const response = await fetch(input, init)
      return response.status === 302 ? fetch(input, init) : response
    },
    ["failures: a redirect is refused and not followed"]
  ),
  wireMutant(
    "takes an answer it cannot read for an outage of the wire",
    rereading((text, { status }) =>
      status !== 200 || safely(() => JSON.parse(text)) !== undefined ? { text } : { status: 503 }
    ),
    [
      "failures: a page in place of JSON is InvalidResponse",
      "failures: JSON that is cut off is InvalidResponse",
      "failures: an empty body in place of JSON is InvalidResponse",
      "failures: a sentence labelled as JSON is InvalidResponse"
    ]
  ),
  patientMutant(["safeCreate: a create makes one key despite a request without an answer"]),
  quotingMutant(["secrets: a success that is something else is not shown"])
]
