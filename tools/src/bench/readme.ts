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

const columns = 120

/** Breaks a text into lines, as the README's other paragraphs are. */
export const wrap = (text: string): string => {
  const lines: Array<string> = []
  let line = ""
  // A multiple stays on one line with its sign.
  for (const word of text.split(/ (?!×)/)) {
    if (line !== "" && line.length + 1 + word.length > columns) {
      lines.push(line)
      line = word
    } else line = line === "" ? word : `${line} ${word}`
  }
  return [...lines, line].join("\n")
}

/** A section of one paragraph and the chart; its heading too, so that there is none while nothing was measured. */
export const section = ({ comparisons, finding }: Results): string => {
  const one = comparisons.find(({ job }) => job.id === "list-25")
  const many = comparisons.find(({ job }) => job.id === "list-25-64")
  const ours = (comparison: Comparison | undefined, over: string) => rowOf(comparison, `keyfold whylabs ${over}`)
  const requests = finding.find(({ isOurs }) => isOurs)?.requests
  const text = [
    "`npm run bench` lists and creates keys on loopback with Keyfold, with what one would take instead, and with vendors'",
    "own clients. Listing 25 keys, one call at a time, Keyfold over undici makes",
    `${times(ours(one, "undici"), "fetch")} × the calls a second of bare \`fetch\` (${times(ours(many, "undici"), "fetch")} × with 64 calls at once),`,
    `and over ky ${times(ours(one, "ky"), "ky")} × those of ky alone (${times(ours(many, "ky"), "ky")} ×); it decodes and validates every key, and these`,
    "only parse JSON. The clients of OpenAI, Unkey and WorkOS make",
    `${vendorRange(one)} × (${vendorRange(many)} ×) those of \`fetch\` on the same bytes. The same client, measured twice,`,
    `differed from itself by up to ${percent(one?.spread ?? Number.NaN)} (${percent(many?.spread ?? Number.NaN)}). A thousand gets at once on a backend that can`,
    `only list send ${requests === 1 ? "one request" : `${requests} requests`}. [Every row](docs/bench.md), with the machine and versions, and`,
    "[where the time goes](docs/performance.md)."
  ].join(" ")
  return `## Speed\n\n${wrap(text)}\n\n![Calls a second of each client as a multiple of bare fetch](docs/bench.svg)`
}
