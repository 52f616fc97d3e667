/** One request to one gateway, and what came of it. */

/** What is asked. */
export interface Ask {
  readonly method: "GET" | "POST" | "DELETE"
  readonly path: string
  readonly key: string
  readonly body?: unknown
  readonly idempotencyKey?: string | undefined
}

/** What came back; `status` is 0 where nothing did. */
export interface Answer {
  readonly status: number
  /** The name of the problem, such as `audit-unavailable`. */
  readonly problem: string | undefined
  readonly json: Readonly<Record<string, unknown>>
}

const none: Answer = { status: 0, problem: undefined, json: {} }

const patience = 15_000

const parsed = (text: string): Answer["json"] => {
  try {
    return JSON.parse(text) as Answer["json"]
  } catch {
    return {}
  }
}

/** Asks; an answer that breaks off is none. */
export const send = async (url: string, { body, idempotencyKey, key, method, path }: Ask): Promise<Answer> => {
  try {
    const response = await fetch(`${url}${path}`, {
      method,
      signal: AbortSignal.timeout(patience),
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey })
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    const json = parsed(await response.text())
    const { type } = json
    const problem = typeof type === "string" ? type.replace("urn:keyfold:problem:", "") : undefined
    return { status: response.status, problem, json }
  } catch {
    return none
  }
}

/** The id of the key that an answer is about: the one that was made, or that was made before. */
export const idIn = ({ json }: Answer): string | undefined => {
  for (const name of ["key", "existing"]) {
    const value = json[name]
    if (typeof value === "object" && value !== null && "id" in value) return String(value.id)
  }
  return undefined
}
