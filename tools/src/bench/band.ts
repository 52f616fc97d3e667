/** Whether a short run is far outside of what was recorded. */
import type { Comparison, Finding, Reference, Row } from "./results.ts"

/**
 * How many times slower than recorded is too slow: on the clock and by time of the processor, both, so that neither a busy
 * machine nor one with another clock fails.
 */
export const tolerance = 3

const compared: ReadonlyArray<Reference> = ["fetch", "ky"]

const judgeRow = (title: string, row: Row, recorded: Row): ReadonlyArray<string> => {
  const now = row.processorToFetch?.median ?? Number.NaN
  const then = recorded.processorToFetch?.median ?? Number.NaN
  if (!(now > then * tolerance)) return []
  return compared.flatMap((reference) => {
    const [ratio, before] = [row.to[reference]?.median, recorded.to[reference]?.median]
    if (ratio === undefined || before === undefined || ratio >= before / tolerance) return []
    return [
      `${title}: ${row.id} does ${ratio.toFixed(2)} of what ${reference} does, recorded are ${before.toFixed(2)}; ` +
        `it takes ${now.toFixed(2)} times the processor's time of fetch, recorded are ${then.toFixed(2)}`
    ]
  })
}

/** Says what is far slower than recorded. Rows that were not recorded are not judged. */
export const judge = (
  measured: ReadonlyArray<Comparison>,
  recorded: ReadonlyArray<Comparison>
): ReadonlyArray<string> =>
  measured.flatMap(({ job, rows }) => {
    const known = recorded.find((comparison) => comparison.job.id === job.id)?.rows ?? []
    return rows.flatMap((row) => {
      const before = row.isOurs ? known.find(({ id }) => id === row.id) : undefined
      return before === undefined ? [] : judgeRow(job.title, row, before)
    })
  })

/** Says who needs more than one request for many gets at once that one list can answer. */
export const judgeFinding = (finding: ReadonlyArray<Finding>): ReadonlyArray<string> =>
  finding.flatMap(({ isOurs, requests, title }) =>
    isOurs && requests !== 1
      ? [`${title}: 1,000 gets at once sent ${requests} requests, and one list answers them`]
      : []
  )
