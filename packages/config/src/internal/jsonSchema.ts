/** JSON Schema of parts of the file, in the draft that editors read. */
import { Secret } from "@keyfold/core/Secret"
import * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"

type Json = JsonSchema.JsonSchema

/** The name of the definition that stands for every secret. */
export const secretName = "secret"

const secretIdentifier = SchemaAST.resolveIdentifier(Secret.ast) ?? ""

/** Only a secret has a name: what it decodes to is no text, and what stands for it in the file is a reference to it. */
const nameOf = ({ identifier }: { readonly identifier: string | undefined }): string | undefined =>
  identifier?.startsWith(secretIdentifier) === true ? secretName : undefined

const isMapping = (value: unknown): value is Json => Predicate.isObject(value) && !Array.isArray(value)

const isDescription = (part: unknown): part is { readonly description: unknown } =>
  isMapping(part) && Object.keys(part).join() === "description"

/** Takes a description out of the `allOf` that it stands in by itself, where editors look for it. */
const tidy = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(tidy)
  if (!isMapping(value)) return value
  const { allOf, ...rest } = value
  const parts: ReadonlyArray<unknown> = Array.isArray(allOf) ? allOf : []
  const others = parts.filter((part) => !isDescription(part))
  return {
    ...Object.assign({}, ...parts.filter(isDescription)),
    ...Object.fromEntries(Object.entries(rest).map(([name, member]) => [name, tidy(member)])),
    ...(others.length === 0 ? {} : { allOf: others.map(tidy) })
  }
}

/** Writes the schema of what a text says before it is decoded. A schema that refers to itself is left open. */
export const of = (schema: Schema.Constraint): Json => {
  const { definitions, schema: written } = JsonSchema.toDocumentDraft07(
    Schema.toJsonSchemaDocument(schema, { onExcessProperty: "error", referencePolicy: nameOf })
  )
  const tidied = tidy(written)
  return Object.keys(definitions).every((name) => name === secretName) && isMapping(tidied) ? tidied : {}
}

/** The members of a mapping's schema. */
export const propertiesOf = ({ properties }: Json): Json => (isMapping(properties) ? properties : {})

const plain = new Set(["type", "properties", "required", "additionalProperties"])

/** Tells whether a schema says which members a mapping has and nothing more, so that others may be added. */
const isPlain = (schema: Json): boolean => Object.keys(schema).every((name) => plain.has(name))

/** Joins the members of two mappings. A schema that says more than its members is left open. */
export const join = (left: Json, right: Json): Json => {
  if (!isPlain(left) || !isPlain(right)) return { type: "object" }
  const required = [left, right].flatMap(({ required }) => (Array.isArray(required) ? required : []))
  return {
    type: "object",
    properties: { ...propertiesOf(left), ...propertiesOf(right) },
    required: [...new Set(required)],
    additionalProperties: false
  }
}
