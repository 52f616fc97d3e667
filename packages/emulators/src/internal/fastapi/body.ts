/** Reading and validating a JSON body as FastAPI and Pydantic do it. */

/** One complaint of the validation. */
export interface Problem {
  readonly type: string
  readonly loc: ReadonlyArray<string | number>
  readonly msg: string
  readonly input: unknown
  readonly ctx?: Readonly<Record<string, string>>
}

/** A body that was not parsed, as the bytes that a complaint echoes. */
export class RawBody {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
  toJSON(): string {
    return this.text
  }
}

/** What reading a body gives: a value (undefined when there is none, a `RawBody` when not parsed), or a syntax error. */
export type BodyRead =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "malformed"; readonly problem: Problem }

/** The fields of an object. */
export type Fields = Readonly<Record<string, unknown>>

const isJson = (contentType: string): boolean => {
  const mediaType = (contentType.split(";")[0] ?? "").trim().toLowerCase()
  return mediaType === "application/json" || /^application\/[^/]+\+json$/.test(mediaType)
}

// Where the syntax error is depends on the parser; no client may rely on it.
const malformed = (text: string, message: string): Problem => {
  const position = /at position (\d+)/.exec(message)?.[1]
  const end = /end of JSON input/.test(message) ? text.length : 0
  return {
    type: "json_invalid",
    loc: ["body", position === undefined ? end : Number(position)],
    msg: "JSON decode error",
    input: {},
    ctx: { error: "Expecting value" }
  }
}

/** Parses a body; strict content types leave a body without Content-Type unparsed. */
export const readJsonBody = (headers: Headers, body: string | undefined, strictContentType: boolean): BodyRead => {
  if (body === undefined || body === "") return { kind: "value", value: undefined }
  const contentType = headers.get("content-type") ?? ""
  const parses = contentType === "" ? !strictContentType : isJson(contentType)
  if (!parses) return { kind: "value", value: new RawBody(body) }
  try {
    return { kind: "value", value: JSON.parse(body) }
  } catch (error) {
    return { kind: "malformed", problem: malformed(body, String(error)) }
  }
}

/** The complaint about something required that is not there. */
export const missing = (loc: Problem["loc"], input: unknown): Problem => ({
  type: "missing",
  loc,
  msg: "Field required",
  input
})

/** The complaint about something that is not a string. */
export const notAString = (loc: Problem["loc"], input: unknown): Problem => ({
  type: "string_type",
  loc,
  msg: "Input should be a valid string",
  input
})

const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof RawBody)

/** Takes a body as an object, or complains; JSON `null` counts as missing. */
export const objectBody = (value: unknown): { readonly fields: Fields } | { readonly problem: Problem } => {
  if (isObject(value)) return { fields: value }
  if (value === undefined || value === null) return { problem: missing(["body"], null) }
  const msg = "Input should be a valid dictionary or object to extract fields from"
  return { problem: { type: "model_attributes_type", loc: ["body"], msg, input: value } }
}
