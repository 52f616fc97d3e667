/** SARIF 2.1.0, for tools that collect findings: one result for each finding. */
import type { Finding, KeyEvent, StoreDone, Summary } from "@keyfold/lifecycle/Inventory"
import * as Effect from "effect/Effect"
import { stringify } from "../json.ts"
import { print } from "../print.ts"
import { escape } from "../text.ts"
import { version } from "../version.ts"
import { about, classes } from "./classes.ts"
import type { Format } from "./format.ts"
import { completeness, gaps, sourceName, tenantName } from "./told.ts"

const schema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

const rules = classes.map((name) => ({
  id: about[name].name,
  name,
  shortDescription: { text: `${about[name].title}.` },
  help: { text: about[name].advice },
  defaultConfiguration: { level: about[name].level }
}))

const driver = () => ({ name: "keyfold", version: version(), rules })

/** Slashes part the names, so that none may hold one. */
const path = (parts: ReadonlyArray<string>): string =>
  parts.map((part) => encodeURIComponent(part.toWellFormed())).join("/")

/** Makes text from elsewhere plain text: SARIF messages have links in brackets and places for arguments in braces. */
export const plain = (text: string): string =>
  escape(text)
    .replace(/[\\[\]]/g, "\\$&")
    .replace(/[{}]/g, "$&$&")

const resultOf = (event: KeyEvent, file: string, finding: Finding) => {
  const { key, origin } = event
  const { level, name } = about[finding.class]
  const place = path([sourceName(origin), tenantName(event), key.id])
  const named = key.name === undefined ? "" : ` ("${key.name}")`
  return {
    ruleId: name,
    ruleIndex: classes.indexOf(finding.class),
    level,
    message: { text: plain(`Key ${key.id}${named} in store "${sourceName(origin)}": ${finding.evidence}.`) },
    locations: [
      {
        // Tools that show findings beside a file want one; the key itself is in none.
        physicalLocation: { artifactLocation: { uri: file }, region: { startLine: 1 } },
        logicalLocations: [{ name: key.id, fullyQualifiedName: place, kind: "resource" }]
      }
    ],
    partialFingerprints: { "keyfold/v1": `${place}/${name}` },
    properties: {
      store: origin.store,
      credential: origin.credential,
      backend: origin.backend,
      tenant: event.tenant,
      unassigned: event.unassigned,
      partition: event.partition,
      key
    }
  }
}

const notification = (done: StoreDone) => {
  const isFailed = done.completeness._tag === "failed"
  const text = [completeness(done), ...gaps(done)].join("; ")
  return {
    level: isFailed ? "error" : "note",
    message: { text: plain(`Store "${sourceName(done.origin)}": ${text}.`) },
    properties: { store: done.origin.store, keys: done.keys }
  }
}

const invocation = ({ sources }: Summary) => ({
  executionSuccessful: sources.every((done) => done.completeness._tag !== "failed"),
  toolExecutionNotifications: sources.map(notification)
})

/** SARIF, written as it comes; `file` is the URI of the configuration, from where the command runs. */
export const sarif = (file: string): Format => {
  let isFirst = true
  const results = (event: KeyEvent) =>
    event.findings.map((finding) => {
      const comma = isFirst ? "" : ","
      isFirst = false
      return `${comma}\n${stringify(resultOf(event, file, finding))}`
    })
  return {
    begin: Effect.suspend(() =>
      print(
        `{"$schema":${stringify(schema)},"version":"2.1.0","runs":[{"tool":${stringify({ driver: driver() })},` +
          '"columnKind":"utf16CodeUnits","results":['
      )
    ),
    keys: (events) => {
      const text = events.flatMap(results).join("")
      return text === "" ? Effect.void : print(text)
    },
    source: () => Effect.void,
    end: (summary) => print(`\n],"invocations":[${stringify(invocation(summary))}]}]}\n`)
  }
}
