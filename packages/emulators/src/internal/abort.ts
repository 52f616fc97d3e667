/** Giving up on work when a signal aborts. */

/** Settles as the work does, or rejects with the signal's reason when it aborts first. The work itself goes on. */
export const untilAborted = <Value>(signal: AbortSignal, work: Promise<Value>): Promise<Value> => {
  let stop = () => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason)
    signal.addEventListener("abort", stop, { once: true })
  })
  return Promise.race([work, aborted]).finally(() => signal.removeEventListener("abort", stop))
}
