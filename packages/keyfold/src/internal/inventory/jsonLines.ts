/** One JSON object a line: each key, and each source at its end. */
import type { Finding, KeyEvent, StoreDone } from "@keyfold/lifecycle/Inventory"
import * as Effect from "effect/Effect"
import { stringify } from "../json.ts"
import { print } from "../print.ts"
import { about, classes } from "./classes.ts"
import type { Format } from "./format.ts"

const findingOf = (finding: Finding) => ({ class: about[finding.class].name, evidence: finding.evidence })

const keyLine = ({ findings, key, origin, partition, tenant, unassigned }: KeyEvent): string =>
  stringify({ type: "key", ...origin, tenant, unassigned, partition, key, findings: findings.map(findingOf) })

const kinds = { complete: "complete", statesMissing: "states-missing", lagging: "lagging", failed: "failed" } as const

const sourceLine = ({ completeness, findings, gaps, keys, origin, tenants }: StoreDone): string => {
  const { _tag, ...more } = completeness
  return stringify({
    type: "store",
    ...origin,
    tenants,
    keys,
    findings: Object.fromEntries(classes.map((name) => [about[name].name, findings[name]])),
    gaps: gaps.map((gap) => ({ ...gap, class: about[gap.class].name })),
    completeness: { kind: kinds[_tag], ...more }
  })
}

/** JSON lines. */
export const jsonLines: Format = {
  begin: Effect.void,
  keys: (events) => print(events.map((event) => `${keyLine(event)}\n`).join("")),
  source: (done) => print(`${sourceLine(done)}\n`),
  end: () => Effect.void
}
