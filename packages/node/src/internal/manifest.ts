/** One entry of a Kubernetes Secret in a YAML text, set without a change to anything else in the text. */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Predicate from "effect/Predicate"
import { isDeepStrictEqual } from "node:util"
import { Document, isMap, parseAllDocuments, Scalar } from "yaml"
import { refusal } from "./replacement.ts"

/** Which entry of which Secret. */
export interface Entry {
  readonly path: string
  readonly name: string
  readonly namespace: string | undefined
  readonly key: string
  readonly form: "data" | "stringData"
  readonly replace: boolean
}

/** What an entry holds, and which key the annotation says it is. */
export interface Holding {
  readonly value: string | undefined
  readonly keyId: string | undefined
}

type Fields = Readonly<Record<string, unknown>>

interface Parsed {
  readonly text: string
  readonly documents: ReadonlyArray<Document.Parsed>
  readonly values: ReadonlyArray<unknown>
  /** Where the Secret stands among the documents; -1 where it does not. */
  readonly index: number
}

const annotation = "keyfold/key-ids"

const blocks = ["data", "stringData"] as const

const fieldsOf = (value: unknown): Fields => (Predicate.isObject(value) && !Array.isArray(value) ? { ...value } : {})

const isNamed = (value: unknown, { name, namespace }: Entry): boolean => {
  const { kind, metadata } = fieldsOf(value)
  const found = fieldsOf(metadata)
  return kind === "Secret" && found["name"] === name && (namespace === undefined || found["namespace"] === namespace)
}

const isInList = (value: unknown, entry: Entry): boolean => {
  const { items } = fieldsOf(value)
  return Array.isArray(items) && items.some((item) => isNamed(item, entry))
}

/** Aliases of nothing, or of too much, show only now. */
const readValues = (documents: ReadonlyArray<Document.Parsed>): ReadonlyArray<unknown> | undefined => {
  try {
    return documents.map((document): unknown => document.toJS())
  } catch {
    return undefined
  }
}

/** The parser's own sentences quote the text, so only the line of a mistake is repeated. */
const parse = (text: string, entry: Entry): Parsed | ConfigurationError => {
  const { name, path } = entry
  const documents = [...parseAllDocuments(text)]
  const [mistake] = documents.flatMap(({ errors, warnings }) => [...errors, ...warnings])
  if (mistake !== undefined) {
    const line = mistake.linePos?.[0].line
    const where = line === undefined ? "" : `: see line ${line}`
    return refusal(path, `is no YAML that can be read${where}`, "Mend it, or choose another path.")
  }
  const values = readValues(documents)
  if (values === undefined) return refusal(path, "is no YAML that can be read", "Check its aliases.")
  if (values.some((value) => isInList(value, entry))) {
    return refusal(path, `holds the Secret ${name} inside of a list`, "Make it a document of its own.")
  }
  const count = values.filter((value) => isNamed(value, entry)).length
  return count > 1
    ? refusal(path, `holds ${count} Secrets called ${name}`, "Name the namespace, or keep one of them.")
    : { text, documents, values, index: values.findIndex((value) => isNamed(value, entry)) }
}

const idsOf = (secret: Fields): Fields => {
  const written = fieldsOf(fieldsOf(secret["metadata"])["annotations"])[annotation]
  try {
    return typeof written === "string" ? fieldsOf(JSON.parse(written)) : {}
  } catch {
    return {}
  }
}

/** What the cluster would make of it: `stringData` wins over `data`. */
const valueOf = (secret: Fields, key: string): string | undefined => {
  const plain = fieldsOf(secret["stringData"])[key]
  if (typeof plain === "string") return plain
  const encoded = fieldsOf(secret["data"])[key]
  return typeof encoded === "string" ? Buffer.from(encoded, "base64").toString() : undefined
}

/** Reads what an entry holds: nothing where there is no such Secret. */
export const read = (text: string, entry: Entry): Holding | ConfigurationError => {
  const parsed = parse(text, entry)
  if (parsed instanceof ConfigurationError) return parsed
  const secret = fieldsOf(parsed.values[parsed.index])
  const keyId = idsOf(secret)[entry.key]
  return { value: valueOf(secret, entry.key), keyId: typeof keyId === "string" ? keyId : undefined }
}

const objectionTo = (secret: Fields, { key, name, path, replace }: Entry): ConfigurationError | undefined => {
  const isBlock = (value: unknown) =>
    value === undefined || value === null || (Predicate.isObject(value) && !Array.isArray(value))
  if (secret["immutable"] === true) {
    return refusal(path, `holds the Secret ${name}, which is immutable`, "Choose another name for a new one.")
  }
  if (secret["sops"] !== undefined) {
    return refusal(
      path,
      `holds the Secret ${name} encrypted by sops`,
      "Choose another file, and encrypt it afterwards."
    )
  }
  const places = [...blocks.map((block) => secret[block]), fieldsOf(secret["metadata"])["annotations"]]
  if (!places.every(isBlock)) {
    return refusal(path, `holds the Secret ${name}, which is not well formed`, "Check its data and its annotations.")
  }
  return blocks.some((block) => Object.hasOwn(fieldsOf(secret[block]), key)) && !replace
    ? refusal(
        path,
        `sets ${key} of the Secret ${name} already`,
        "Remove that line, choose another key, or replace it: replace: true."
      )
    : undefined
}

/** An entry under two names, and none in the block where it stood before. */
interface Change {
  readonly block: (typeof blocks)[number]
  readonly other: (typeof blocks)[number]
  readonly written: string
  readonly ids: string
}

const changeOf = (secret: Fields, { form, key }: Entry, value: string, keyId: string): Change => ({
  block: form,
  other: form === "data" ? "stringData" : "data",
  written: form === "data" ? Buffer.from(value).toString("base64") : value,
  ids: JSON.stringify({ ...idsOf(secret), [key]: keyId })
})

const put = (document: Document, parent: ReadonlyArray<string>, name: string, text: string): void => {
  // A block without entries reads as null, which takes none.
  if (!isMap(document.getIn(parent))) document.setIn(parent, document.createNode({}))
  const scalar = new Scalar(text)
  // Quoted, so that no reader takes a value such as 0123 or yes for something else than text.
  scalar.type = "QUOTE_DOUBLE"
  document.setIn([...parent, name], scalar)
}

const apply = (document: Document, { key }: Entry, { block, ids, other, written }: Change): void => {
  if (document.hasIn([other, key])) document.deleteIn([other, key])
  put(document, [block], key, written)
  put(document, ["metadata", "annotations"], annotation, ids)
}

/** What the Secret has to read as afterwards, computed from plain values and without the printer. */
const expected = (secret: Fields, { key }: Entry, { block, ids, other, written }: Change): Fields => {
  const { [key]: _moved, ...rest } = fieldsOf(secret[other])
  const metadata = fieldsOf(secret["metadata"])
  return {
    ...secret,
    ...(secret[other] === undefined ? {} : { [other]: secret[other] === null ? null : rest }),
    [block]: { ...fieldsOf(secret[block]), [key]: written },
    metadata: { ...metadata, annotations: { ...fieldsOf(metadata["annotations"]), [annotation]: ids } }
  }
}

const print = (document: Document): string => document.toString({ lineWidth: 0, doubleQuotedAsJSON: true })

const blank = ({ name, namespace }: Entry): Fields => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
  type: "Opaque"
})

const append = ({ text, values }: Parsed, document: Document): string => {
  const before = text === "" || text.endsWith("\n") ? text : `${text}\n`
  // Comments alone are a document too, which reads as null.
  return `${before}${values.every((value) => value === null) ? "" : "---\n"}${print(document)}`
}

/** Prints the changed document alone; the text of the others stays byte for byte. */
const exchange = ({ documents, index, text }: Parsed, document: Document.Parsed): string =>
  text.slice(0, documents[index - 1]?.range[2] ?? 0) + print(document) + text.slice(document.range[2])

/** Computes the new text, and proves by reading it that nothing else changes. */
export const compose = (text: string, entry: Entry, value: string, keyId: string): string | ConfigurationError => {
  const parsed = parse(text, entry)
  if (parsed instanceof ConfigurationError) return parsed
  const { documents, index, values } = parsed
  const found = documents[index]
  const before = found === undefined ? blank(entry) : fieldsOf(values[index])
  const objection = objectionTo(before, entry)
  if (objection !== undefined) return objection
  const change = changeOf(before, entry, value, keyId)
  const document = found ?? new Document(before)
  apply(document, entry, change)
  const composed = found === undefined ? append(parsed, document) : exchange(parsed, found)
  const result = parse(composed, entry)
  const after = expected(before, entry, change)
  const wanted = found === undefined ? [...values, after] : values.with(index, after)
  const isSame = (left: ReadonlyArray<unknown>, right: ReadonlyArray<unknown>) =>
    isDeepStrictEqual(
      left.filter((item) => item !== null),
      right.filter((item) => item !== null)
    )
  return !(result instanceof ConfigurationError) && isSame(wanted, result.values)
    ? composed
    : refusal(entry.path, `cannot take ${entry.key} without a change to other entries`, "Check its anchors and quotes.")
}
