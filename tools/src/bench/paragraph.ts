/** What the README says about speed, from the results. */
import type { Comparison, Reference, Results, Row } from "./results.ts"

const rowOf = (comparison: Comparison | undefined, id: string): Row | undefined =>
  comparison?.rows.find((row) => row.id === id)

const times = (row: Row | undefined, reference: Reference): string =>
  (row?.to[reference]?.median ?? Number.NaN).toFixed(2)

const percent = (part: number): string => `${Math.max(1, Math.round(part * 100))} %`

const vendors = ["openai", "@unkey/api", "@workos-inc/node"]

const vendorRange = (comparison: Comparison | undefined): string => {
  const values = vendors.flatMap((id) => rowOf(comparison, id)?.to.fetch?.median ?? [])
  return `${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}`
}

/** One paragraph and the chart. */
export const paragraph = ({ comparisons, finding }: Results): string => {
  const one = comparisons.find(({ job }) => job.id === "list-25")
  const many = comparisons.find(({ job }) => job.id === "list-25-64")
  const ours = (comparison: Comparison | undefined, over: string) => rowOf(comparison, `keyfold whylabs ${over}`)
  const requests = finding.find(({ isOurs }) => isOurs)?.requests
  return [
    "`npm run bench` compares Keyfold, on loopback, with what one would take instead. Of listing 25 keys, decoded and",
    `validated, Keyfold over undici does ${times(ours(one, "undici"), "fetch")} × what bare \`fetch\` does without either, one call at a time`,
    `(${times(ours(many, "undici"), "fetch")} × with 64 at once), and over ky ${times(ours(one, "ky"), "ky")} × what ky alone does (${times(ours(many, "ky"), "ky")} ×). The clients of`,
    `OpenAI, Unkey and WorkOS do ${vendorRange(one)} × (${vendorRange(many)} ×) of \`fetch\` on their own keys. The same client measured twice`,
    `differed by up to ${percent(one?.spread ?? Number.NaN)} (${percent(many?.spread ?? Number.NaN)}). A thousand gets at once on a backend that only lists send ${requests}`,
    "request. [Every row](docs/bench.md), with machine and versions, and",
    "[where the time goes](docs/performance.md).",
    "",
    "![Calls a second of each client as a multiple of bare fetch](docs/bench.svg)"
  ].join("\n")
}
