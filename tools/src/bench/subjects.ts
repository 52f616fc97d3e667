/** What is measured: each client, on the keys of one format. */
import type { Open } from "./client.ts"
import { formats, type FormatName } from "./formats.ts"

/**
 * One client on one format.
 *
 * - `group` is what `--only` chooses by.
 * - `again` names the subject that this one repeats: the same thing, measured as if it were another.
 * - `isOurs` tells Keyfold from the others.
 */
export interface Subject {
  readonly id: string
  readonly group: string
  readonly title: string
  readonly format: FormatName
  readonly open: () => Promise<Open>
  readonly again?: string
  readonly isOurs?: boolean
}

const repeated = (subject: Subject): Subject => ({
  ...subject,
  id: `${subject.id}, again`,
  title: `${subject.title}, again`,
  again: subject.id
})

const bare = (format: FormatName): ReadonlyArray<Subject> => [
  {
    id: `fetch ${format}`,
    group: "fetch",
    title: "`fetch`",
    format,
    open: async () => (await import("./clients/fetch.ts")).open
  },
  {
    id: `undici ${format}`,
    group: "undici",
    title: "`undici.request`",
    format,
    open: async () => (await import("./clients/undici.ts")).open
  }
]

const ky = (format: FormatName): Subject => ({
  id: `ky ${format}`,
  group: "ky",
  title: "ky",
  format,
  open: async () => (await import("./clients/ky.ts")).open
})

const keyfold = (format: FormatName, over: "ky" | "undici", open: Subject["open"]): Subject => ({
  id: `keyfold ${format} ${over}`,
  group: "keyfold",
  title: `**Keyfold over ${over}**`,
  format,
  open,
  isOurs: true
})

const others: ReadonlyArray<Subject> = [
  {
    id: "ky and Schema",
    group: "ky-schema",
    title: "ky and effect's Schema, by hand",
    format: "whylabs",
    open: async () => (await import("./clients/kySchema.ts")).open
  },
  {
    id: "openapi-fetch",
    group: "openapi-fetch",
    title: "openapi-fetch",
    format: "whylabs",
    open: async () => (await import("./clients/openapiFetch.ts")).open
  },
  {
    id: "axios",
    group: "axios",
    title: "axios",
    format: "whylabs",
    open: async () => (await import("./clients/axios.ts")).open
  },
  {
    id: "effect fetch",
    group: "effect",
    title: "effect's HttpClient over fetch",
    format: "whylabs",
    open: async () => (await import("./clients/effect.ts")).open
  },
  {
    id: "effect undici",
    group: "effect",
    title: "effect's HttpClient over undici",
    format: "whylabs",
    open: async () => (await import("./clients/effect.ts")).openUndici
  }
]

const keyfolds = {
  whylabsKy: keyfold("whylabs", "ky", async () => (await import("./clients/keyfold.ts")).whylabsKy),
  whylabsUndici: keyfold("whylabs", "undici", async () => (await import("./clients/keyfold.ts")).whylabsUndici),
  arthurKy: keyfold("arthur", "ky", async () => (await import("./clients/keyfold.ts")).arthurKy),
  arthurUndici: keyfold("arthur", "undici", async () => (await import("./clients/keyfold.ts")).arthurUndici)
}

const vendors: ReadonlyArray<Subject> = [
  {
    id: "openai",
    group: "openai",
    title: "openai",
    format: "openai",
    open: async () => (await import("./clients/openai.ts")).open
  },
  {
    id: "@unkey/api",
    group: "@unkey/api",
    title: "@unkey/api",
    format: "unkey",
    open: async () => (await import("./clients/unkey.ts")).open
  },
  {
    id: "@workos-inc/node",
    group: "@workos-inc/node",
    title: "@workos-inc/node",
    format: "workos",
    open: async () => (await import("./clients/workos.ts")).open
  }
]

/** Who lists and creates, in the order of the tables. */
export const subjects: ReadonlyArray<Subject> = [
  ...bare("whylabs").flatMap((subject) => [subject, repeated(subject)]),
  ky("whylabs"),
  ...others,
  keyfolds.whylabsKy,
  keyfolds.whylabsUndici,
  repeated(keyfolds.whylabsUndici),
  ...bare("arthur"),
  ky("arthur"),
  keyfolds.arthurKy,
  keyfolds.arthurUndici,
  ...vendors.flatMap((vendor) => [...bare(vendor.format), vendor])
]

const once: Subject = {
  id: "fetch once",
  group: "fetch",
  title: "`fetch`: one list, and a set made by hand",
  format: "whylabs",
  open: async () => (await import("./clients/fetch.ts")).openOnce
}

const each: Subject = {
  id: "fetch each",
  group: "fetch",
  title: "`fetch`: a list for each key, 64 at once",
  format: "whylabs",
  open: async () => (await import("./clients/fetch.ts")).open
}

/** Who reads many keys by their ids: from a backend that has no such operation, or a vendor's own from one that has. */
export const finders: ReadonlyArray<Subject> = [
  {
    ...keyfold("whylabs", "ky", async () => (await import("./clients/keyfold.ts")).listOnlyKy),
    id: "get keyfold ky"
  },
  {
    ...keyfold("whylabs", "undici", async () => (await import("./clients/keyfold.ts")).listOnlyUndici),
    id: "get keyfold undici"
  },
  once,
  each,
  ...vendors
    .filter(({ id }) => id !== "@workos-inc/node")
    .map((vendor) => ({ ...vendor, id: `get ${vendor.id}`, title: `${vendor.title}: its own \`get\`, 64 at once` }))
]

/** Finds a subject by its id. */
export const subjectOf = (id: string): Subject | undefined => [...subjects, ...finders].find((one) => one.id === id)

/** The ids of the first keys of a format. */
export const idsOf = (format: FormatName, count: number): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, index) => {
    const { id, keyId } = formats[format].item(index) as { readonly id?: string; readonly keyId?: string }
    return keyId ?? id ?? ""
  })
