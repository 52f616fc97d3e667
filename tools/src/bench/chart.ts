/** The chart of the README: bars drawn as SVG, readable on light and on dark pages. */
import type { Comparison, Row } from "./results.ts"

/** One bar in each panel; the values are ratios. */
export interface Bar {
  readonly label: string
  readonly isOurs: boolean
  readonly isReference: boolean
  readonly values: ReadonlyArray<Value | undefined>
}

/** A ratio with the least and the greatest of the rounds. */
export interface Value {
  readonly median: number
  readonly least: number
  readonly most: number
}

/** What a chart shows: one column of bars for each panel, which share their labels. */
export interface Chart {
  readonly title: string
  readonly subtitle: string
  readonly panels: ReadonlyArray<string>
  readonly bars: ReadonlyArray<Bar>
  readonly note: string
}

const width = 880
const labelWidth = 268
const margin = 24
const gap = 28
const rowHeight = 25
const barHeight = 15
const top = 112
/** Room for the number at the end of the longest bar. */
const numberWidth = 42
/** How much further than the longest bar a range may go before it is cut. */
const reach = 1.25

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")

const round = (value: number): string => String(Math.round(value * 10) / 10)

const style = `
  .page { fill: #ffffff; stroke: #d0d7de }
  text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; fill: #1f2328 }
  .number { paint-order: stroke; stroke: #ffffff; stroke-width: 4px }
  .title { font-size: 17px; font-weight: 600 }
  .panel { font-weight: 600 }
  .quiet { fill: #59636e; font-size: 12px }
  .ours { font-weight: 600 }
  .bar { fill: #a8b1bb }
  .bar.reference { fill: #6e7781 }
  .bar.ours { fill: #0969da }
  .line { stroke: #6e7781; stroke-dasharray: 3 3 }
  .range { stroke: #1f2328; stroke-width: 1; opacity: 0.45 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117; stroke: #3d444d }
    text { fill: #f0f6fc }
    .number { stroke: #0d1117 }
    .quiet { fill: #9198a1 }
    .bar { fill: #57606a }
    .bar.reference { fill: #848d97 }
    .bar.ours { fill: #388bfd }
    .line { stroke: #9198a1 }
    .range { stroke: #f0f6fc }
  }
`

interface Panel {
  readonly title: string
  readonly index: number
  readonly x: number
  readonly scale: number
  readonly most: number
}

const panelsOf = ({ bars, panels }: Chart): ReadonlyArray<Panel> => {
  const each = (width - 2 * margin - labelWidth - gap * (panels.length - 1)) / panels.length
  return panels.map((title, index) => {
    const values = bars.flatMap((bar) => bar.values[index] ?? [])
    const longest = Math.max(1, ...values.map(({ median }) => median))
    // One round far off does not make all bars short.
    const most = Math.max(1, ...values.map((value) => Math.min(value.most, longest * reach)))
    return { title, index, x: margin + labelWidth + index * (each + gap), scale: (each - numberWidth) / most, most }
  })
}

const kind = ({ isOurs, isReference }: Bar): string => (isOurs ? " ours" : isReference ? " reference" : "")

const drawBar = (bar: Bar, row: number, { index, most, scale, x }: Panel): string => {
  const value = bar.values[index]
  if (value === undefined) return ""
  const y = top + row * rowHeight
  const middle = y + barHeight / 2
  const end = x + value.median * scale
  const furthest = x + Math.min(value.most, most) * scale
  const least = x + value.least * scale
  const shown = Math.max(end, furthest) + 6
  const text = `<text class="number${bar.isOurs ? " ours" : ""}" x="${round(shown)}" y="${round(middle + 4.5)}">${value.median.toFixed(2)}</text>`
  return [
    `<rect class="bar${kind(bar)}" x="${round(x)}" y="${y}" width="${round(end - x)}" height="${barHeight}" rx="2"/>`,
    `<path class="range" d="M${round(least)} ${round(middle)}H${round(furthest)}"/>`,
    text
  ].join("\n")
}

const drawPanel = ({ bars }: Chart, panel: Panel): string => {
  const one = panel.x + panel.scale
  return [
    `<text class="panel" x="${round(panel.x)}" y="${top - 16}">${escape(panel.title)}</text>`,
    `<path class="line" d="M${round(one)} ${top - 8}V${top + bars.length * rowHeight - 4}"/>`,
    ...bars.map((bar, row) => drawBar(bar, row, panel))
  ].join("\n")
}

const drawLabel = (bar: Bar, row: number): string =>
  `<text class="${bar.isOurs ? "ours" : ""}" text-anchor="end" x="${margin + labelWidth - 12}" y="${top + row * rowHeight + barHeight / 2 + 4.5}">${escape(bar.label)}</text>`

/** Draws a chart. */
export const draw = (chart: Chart): string => {
  const height = top + chart.bars.length * rowHeight + 44
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(chart.title)}">`,
    `<style>${style}</style>`,
    `<rect class="page" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>`,
    `<text class="title" x="${margin}" y="38">${escape(chart.title)}</text>`,
    `<text class="quiet" x="${margin}" y="60">${escape(chart.subtitle)}</text>`,
    ...chart.bars.map(drawLabel),
    ...panelsOf(chart).map((panel) => drawPanel(chart, panel)),
    `<text class="quiet" x="${margin}" y="${height - 20}">${escape(chart.note)}</text>`,
    "</svg>",
    ""
  ].join("\n")
}

const plain = (title: string): string => title.replaceAll(/[*`]/g, "")

const labelOf = ({ format, isOurs, title }: Row): string =>
  isOurs ? `${plain(title)}, ${format === "arthur" ? "Arthur" : "WhyLabs"}` : plain(title)

/** Everybody but those who only repeat, or who are there to be compared with on other keys. */
const isShown = ({ again, format, id, isOurs }: Row): boolean =>
  again === undefined && (isOurs || format === "whylabs" || !/^(?:fetch|undici|ky) /.test(id))

/** Shows comparisons side by side, each client as a multiple of bare fetch, the fastest of the first comparison first. */
export const chartOf = (
  comparisons: ReadonlyArray<Comparison>,
  texts: Pick<Chart, "title" | "subtitle" | "panels" | "note">
): Chart => {
  const valueOf = (comparison: Comparison, id: string) => comparison.rows.find((row) => row.id === id)?.to.fetch
  const compared = (comparisons[0]?.rows ?? []).filter((row) => isShown(row) && row.to.fetch !== undefined)
  const bars = compared.map((row) => ({
    label: labelOf(row),
    isOurs: row.isOurs,
    isReference: row.id.startsWith("fetch ") || row.id.startsWith("undici "),
    values: comparisons.map((comparison) => valueOf(comparison, row.id))
  }))
  const first = ({ values }: Bar): number => values[0]?.median ?? 0
  return { ...texts, bars: bars.toSorted((left, right) => first(right) - first(left)) }
}
