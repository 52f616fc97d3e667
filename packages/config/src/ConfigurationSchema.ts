/**
 * The JSON Schema of the configuration file, for editors.
 *
 * @since 0.1.0
 */
import * as SecretReference from "@keyfold/node/SecretReference"
import * as JsonSchema from "effect/JsonSchema"
import type * as Schema from "effect/Schema"
import { File } from "./internal/file.ts"
import { GatewaySettings } from "./GatewaySettings.ts"
import { base as gatewayPath } from "./internal/gateway.ts"
import { base as journalPath, defaultAdapter, Members as JournalMembers } from "./internal/journal.ts"
import { join, of, propertiesOf, secretName } from "./internal/jsonSchema.ts"
import { Rotation } from "./internal/rotation/schedule.ts"
import { base as rotationsPath, Members as RotationsMembers } from "./internal/rotation/settings.ts"
import { Members } from "./internal/store.ts"
import { Members as TenantMembers } from "./internal/tenants.ts"

/**
 * Describes an adapter whose options the schema knows: the parts of it that say what a file may hold.
 *
 * @category models
 * @since 0.1.0
 */
export interface KnownAdapter {
  readonly name: string
  readonly options: Schema.Constraint
  readonly journal?: { readonly options: Schema.Constraint }
}

type Json = JsonSchema.JsonSchema

const definition = (name: string): Json => ({ $ref: `#/definitions/${name}` })

const spellings = ({ name }: KnownAdapter): ReadonlyArray<string> => [name, `@keyfold/${name}`]

/** Asks more of what names an adapter. It is written with `else`, because an object with a member `then` is a promise. */
const when = (adapter: KnownAdapter, isDefault: boolean, more: Json): Json => ({
  if: {
    not: { properties: { adapter: { enum: spellings(adapter) } }, ...(isDefault ? {} : { required: ["adapter"] }) }
  },
  else: more
})

/** Completes the name of an adapter, and accepts any other. */
const named = (adapters: ReadonlyArray<KnownAdapter>, written: Json): Json => {
  const { adapter, ...members } = propertiesOf(written)
  const known = { enum: adapters.map(({ name }) => name) }
  return { ...members, adapter: { anyOf: [known, { type: "string", minLength: 1 }], ...described(adapter) } }
}

const described = (schema: unknown): Json => {
  const description: unknown =
    typeof schema === "object" && schema !== null ? Reflect.get(schema, "description") : undefined
  return description === undefined ? {} : { description }
}

const storeName = ({ name }: KnownAdapter): string => `${name}Store`
const journalName = ({ name }: KnownAdapter): string => `${name}Journal`

const isSecret = (schema: unknown): boolean => JSON.stringify(schema) === JSON.stringify(definition(secretName))

/**
 * What a tenant may override depends on the adapter of its store, which a schema cannot look up. So the options of all
 * adapters are completed and explained, and of their values only secrets are judged: these are references everywhere.
 */
const overridable = (adapters: ReadonlyArray<KnownAdapter>): Json => {
  const options = adapters.flatMap(({ options }) => Object.entries(propertiesOf(of(options))))
  const byName = Map.groupBy(options, ([name]) => name)
  return Object.fromEntries(
    [...byName].map(([name, written]) => {
      const schemas = [...new Map(written.map(([, schema]) => [JSON.stringify(schema), schema])).values()]
      return [name, schemas.every(isSecret) ? definition(secretName) : { anyOf: [...schemas, {}] }]
    })
  )
}

const rotationName = "rotation"

/** Refers to what every store and tenant may say about rotation, in place of repeating it. */
const referring = (members: Json): Json => {
  const properties = propertiesOf(members)
  const rotation = { ...described(properties["rotation"]), allOf: [definition(rotationName)] }
  return { ...members, properties: { ...properties, rotation } }
}

const tenant = (adapters: ReadonlyArray<KnownAdapter>): Json => {
  const members = referring(of(TenantMembers))
  return {
    anyOf: [
      { type: "string", minLength: 1 },
      {
        type: "object",
        properties: { ...overridable(adapters), ...propertiesOf(members) },
        required: members["required"]
      }
    ]
  }
}

/** What several parts of the file refer to. */
const common: Json = {
  [secretName]: of(SecretReference.SecretReference),
  [rotationName]: of(Rotation)
}

/** The members that no adapter has a say in. */
const plain = (properties: Json): Json => ({
  [String(gatewayPath[0])]: { ...described(properties["gateway"]), ...of(GatewaySettings) },
  [String(rotationsPath[0])]: { ...described(properties["rotations"]), ...of(RotationsMembers) }
})

/**
 * Writes the JSON Schema (draft 7) of a configuration file whose stores may use these adapters, and any other: what is
 * known of one is what its own schemas say.
 *
 * It is made from the schemas that the file is judged with. They know more, such as what one member asks of another.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (adapters: ReadonlyArray<KnownAdapter>): JsonSchema.JsonSchema => {
  const keepers = adapters.flatMap((adapter) =>
    adapter.journal === undefined ? [] : [{ adapter, options: adapter.journal.options }]
  )
  const [file, members, journal] = [of(File), referring(of(Members)), of(JournalMembers)]
  const store = {
    type: "object",
    properties: named(adapters, members),
    required: ["adapter"],
    allOf: adapters.map((adapter) => when(adapter, false, definition(storeName(adapter))))
  }
  const anyJournal = {
    type: "object",
    properties: named(
      keepers.map(({ adapter }) => adapter),
      journal
    ),
    allOf: keepers.map(({ adapter }) =>
      when(adapter, adapter.name === defaultAdapter, definition(journalName(adapter)))
    )
  }
  const properties = propertiesOf(file)
  return {
    $schema: JsonSchema.META_SCHEMA_URI_DRAFT_07,
    title: "Keyfold configuration",
    ...file,
    properties: {
      ...properties,
      stores: { ...described(properties["stores"]), type: "object", minProperties: 1, additionalProperties: store },
      tenants: { ...described(properties["tenants"]), type: "object", additionalProperties: tenant(adapters) },
      [String(journalPath[0])]: { ...described(properties["journal"]), ...anyJournal },
      ...plain(properties)
    },
    definitions: {
      ...common,
      ...Object.fromEntries(adapters.map((adapter) => [storeName(adapter), join(members, of(adapter.options))])),
      ...Object.fromEntries(keepers.map(({ adapter, options }) => [journalName(adapter), join(journal, of(options))]))
    }
  }
}
