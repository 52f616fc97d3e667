/** Holds responses against the gateway's own OpenAPI document. */
import * as JsonSchema from "effect/JsonSchema"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaRepresentation from "effect/SchemaRepresentation"
import { Ajv2020 } from "ajv/dist/2020.js"
import type { Answer } from "./World.ts"

/** A JSON Schema, as far as it is looked into here. */
export type Json = Readonly<Record<string, unknown>>

/** What an operation of the document takes. */
export interface Parameter {
  readonly name: string
  readonly in: "path" | "query" | "header"
  readonly schema: Json
  readonly required: boolean
}

/** One operation of the document. */
export interface Operation {
  readonly method: string
  readonly path: string
  readonly parameters: ReadonlyArray<Parameter>
  readonly body: Json | undefined
}

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema?: Json }>>
}

interface Described {
  readonly summary?: string
  readonly parameters?: ReadonlyArray<Parameter>
  readonly requestBody?: Content
  readonly responses: Readonly<Record<string, Content>>
}

/** The document, as far as it is looked into here. */
export interface Document {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Json>> }
}

/** Lists every operation. */
export const operationsOf = ({ paths }: Document): ReadonlyArray<Operation> =>
  Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, { parameters = [], requestBody }]) => ({
      method: method.toUpperCase(),
      path,
      parameters,
      body: requestBody?.content?.["application/json"]?.schema
    }))
  )

/** The type of a body, without its parameters. */
export const typeOf = ({ headers }: Answer): string => (headers.get("content-type") ?? "").split(";")[0] ?? ""

const problem = {
  type: "object",
  required: ["type", "title", "status", "detail", "requestId"],
  properties: {
    type: { type: "string", pattern: "^urn:keyfold:problem:[a-z-]+$" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
    requestId: { type: "string" }
  },
  additionalProperties: true
}

const parsed = (text: string): { readonly value?: unknown } => {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return {}
  }
}

const strict = { errors: "all", onExcessProperty: "error" } as const

const validator = new Ajv2020({ allErrors: true, strict: false, validateFormats: false })

/**
 * Makes of a JSON Schema what lists how a value violates it: by ajv, which shares nothing with what wrote the document, and
 * by effect, which also finds members that the document merely does not mention.
 */
const judging = (document: JsonSchema.Document<"draft-2020-12">): Judge => {
  const validate = validator.compile({ ...document.schema, $defs: document.definitions })
  const decode = Schema.decodeUnknownResult(
    SchemaRepresentation.fromJsonSchemaDocument(document, { patterns: "apply" }) as Schema.Codec<unknown>,
    strict
  )
  return (value) => {
    const judged = decode(value)
    return [
      ...(validate(value)
        ? []
        : (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message ?? ""}`)),
      ...(Result.isSuccess(judged) ? [] : judged.failure.message.split("\n"))
    ]
  }
}

type Judge = (value: unknown) => ReadonlyArray<string>

const make = ({ components, paths }: Document) => {
  const definitions = Object.fromEntries(
    Object.entries(components.schemas).map(([name, schema]) => [name, JsonSchema.fromSchemaOpenApi3_1(schema).schema])
  )
  const judges = new Map<string, Judge>()
  const judgeOf = (written: Json): Judge => {
    const name = JSON.stringify(written)
    const { dialect, schema } = JsonSchema.fromSchemaOpenApi3_1(written)
    const found = judges.get(name) ?? judging({ dialect, schema, definitions })
    judges.set(name, found)
    return found
  }
  const judge = (schema: Json, text: string): ReadonlyArray<string> => {
    const { value } = parsed(text)
    return value === undefined ? ["the body is no JSON"] : judgeOf(schema)(value)
  }
  return {
    /** Of the answer to a documented operation. */
    of: ({ method, path }: Pick<Operation, "method" | "path">, answer: Answer): ReadonlyArray<string> => {
      const { status, text } = answer
      const type = typeOf(answer)
      const schema = paths[path]?.[method.toLowerCase()]?.responses[status]?.content?.[type]?.schema
      if (schema === undefined) return [`${status} ${type} is not documented`]
      const lines = type === "application/x-ndjson" ? text.split("\n").filter((line) => line !== "") : [text]
      return lines.flatMap((line) => judge(schema, line))
    },
    /** Of the answer to what no operation is. */
    ofProblem: (answer: Answer): ReadonlyArray<string> =>
      typeOf(answer) === "application/problem+json" ? judge(problem, answer.text) : ["it is no problem"]
  }
}

/** What lists violations. */
export type Conforming = ReturnType<typeof make>

const made = new Map<string, Conforming>()

/** Makes what lists how an answer violates the document. */
export const conforming = (document: Document): Conforming => {
  const name = JSON.stringify(document)
  const found = made.get(name) ?? make(document)
  made.set(name, found)
  return found
}
