/** Work that is done a few pieces at a time. */

/** One piece of work. */
export type Job<A> = () => Promise<A>

/** Runs jobs a few at a time, in order of their start. */
export const together = async <A>(jobs: number, work: ReadonlyArray<Job<A>>): Promise<ReadonlyArray<A>> => {
  const results: Array<A> = []
  let next = 0
  const one = async (): Promise<void> => {
    const at = next++
    const job = work[at]
    if (job === undefined) return
    results[at] = await job()
    await one()
  }
  await Promise.all(Array.from({ length: jobs }, one))
  return results
}
