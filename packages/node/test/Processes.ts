/** What can be seen of other processes. */
import * as Effect from "effect/Effect"

/** Whether there is a process with this id. */
export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Waits for something that happens in another process, and tells whether it did. */
export const waitFor = (condition: () => boolean | Promise<boolean>) =>
  Effect.promise(async () => {
    for (let attempt = 0; attempt < 6000 && !(await condition()); attempt++) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    return condition()
  })
