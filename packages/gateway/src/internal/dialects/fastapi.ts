/** Routing, bodies and complaints as FastAPI has them; two of the protocols are built on it. */
import type * as Schema from "effect/Schema"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { Operation } from "../../Grant.ts"
import { json, refusal, type Refusal, type Reply } from "./reply.ts"

/** An error as the framework says it. */
export const detail = (status: number, text: Schema.Json, headers: Reply["headers"] = {}): Refusal =>
  refusal(json(status, { detail: text }, headers))

/** One operation: a method on a path whose `{id}` stands for one segment. */
export interface Route<Name extends string> {
  readonly operation: Name
  readonly method: string
  readonly template: string
}

/** Where a request leads. */
export type Match<Name extends string> =
  | { readonly kind: "matched"; readonly operation: Name; readonly id: string; readonly template: string }
  | { readonly kind: "wrongMethod"; readonly operation: "unrouted"; readonly allow: string; readonly template: string }
  | { readonly kind: "none"; readonly operation: "unrouted"; readonly template: string }

const decoded = (path: string): string => {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

const none = { kind: "none", operation: "unrouted", template: "/*" } as const

/** Makes a matcher. Slashes are exact, and a path is decoded first, so that an encoded slash splits a segment. */
export const matcher = <Name extends string>(
  routes: ReadonlyArray<Route<Name>>
): ((method: string, path: string) => Match<Name>) => {
  const compiled = routes.map((route) => ({
    ...route,
    pattern: new RegExp(`^${route.template.replace("{id}", "([^/]+)")}$`)
  }))
  return (method, path) => {
    const plain = decoded(path)
    const onPath = compiled.filter(({ pattern }) => pattern.test(plain))
    const found = onPath.find((route) => route.method === method)
    if (found !== undefined) {
      const { operation, pattern, template } = found
      return { kind: "matched", operation, id: pattern.exec(plain)?.[1] ?? "", template }
    }
    const [first] = onPath
    if (first === undefined) return none
    const allow = onPath.map((route) => route.method).join(", ")
    return { kind: "wrongMethod", operation: "unrouted", allow, template: first.template }
  }
}

/** One complaint about a request. It never repeats what was sent. */
export interface Problem {
  readonly type: string
  readonly loc: ReadonlyArray<string | number>
  readonly msg: string
}

/** Complains about something required that is not there. */
export const missing = (loc: Problem["loc"]): Problem => ({ type: "missing", loc, msg: "Field required" })

/** Complains about something that is not a text. */
export const notAString = (loc: Problem["loc"]): Problem => ({
  type: "string_type",
  loc,
  msg: "Input should be a valid string"
})

const isJson = (contentType: string): boolean =>
  /^application\/(?:json|[^/]+\+json)$/.test((contentType.split(";")[0] ?? "").trim().toLowerCase())

/** A body: parsed, or why not. One without a JSON Content-Type is not parsed. */
export type Body = { readonly fields: Readonly<Record<string, unknown>> } | { readonly problem: Problem }

/** Reads the text of a body. */
export const text = (request: Request): Effect.Effect<string, Error> =>
  Effect.tryPromise({ try: () => request.text(), catch: () => new Error("the body could not be read") })

const malformed: Problem = { type: "json_invalid", loc: ["body"], msg: "JSON decode error" }

const notAnObject: Problem = {
  type: "model_attributes_type",
  loc: ["body"],
  msg: "Input should be a valid dictionary or object to extract fields from"
}

/** Whether a body was no JSON at all, which is said before anything else is looked at. */
export const isMalformed = (body: Body): boolean => "problem" in body && body.problem === malformed

/** Reads an object out of a body. JSON `null` counts as no body. */
export const readBody = Effect.fnUntraced(function* (request: Request): Effect.fn.Return<Body, Error> {
  const content = yield* text(request)
  if (content === "") return { problem: missing(["body"]) }
  if (!isJson(request.headers.get("content-type") ?? "")) return { problem: notAnObject }
  let value: unknown
  try {
    value = JSON.parse(content)
  } catch {
    return { problem: malformed }
  }
  if (value === null) return { problem: missing(["body"]) }
  return Predicate.isObject(value) && !Array.isArray(value) ? { fields: { ...value } } : { problem: notAnObject }
})

/** A grant's operation for each of a protocol's. */
export type Grants<Name extends string> = Readonly<Record<Name, Operation>>
