/** The exit codes of the command: part of its contract with scripts. */

export const ok = 0
export const failed = 1
export const usage = 2
export const notFound = 3
export const unsupported = 4
export const outcomeUnknown = 5
export const found = 6
export const attention = 7

/** Tells a script how the command ended. */
export type ExitCode =
  | typeof ok
  | typeof failed
  | typeof usage
  | typeof notFound
  | typeof unsupported
  | typeof outcomeUnknown
  | typeof found
  | typeof attention

/** What each code means, for `--help` and the README. */
export const meanings: ReadonlyArray<readonly [code: number, meaning: string]> = [
  [ok, "done; for verify: the secret is valid; for recover: settled"],
  [
    failed,
    "failed; for verify: the secret is not valid; for recover: not settled yet; for journal verify and journal audit verify: a chain is broken; " +
      "for inventory: a store could not be read; for doctor: something does not work; for revoke: not confirmed, or some keys are left; " +
      "for rotate and rotations: one came to nothing, could not begin, or has a key left to revoke"
  ],
  [usage, "a mistake on the command line or in the configuration; nothing was done"],
  [notFound, "no such key or operation"],
  [unsupported, "the store's backend cannot do this; nothing was sent"],
  [outcomeUnknown, "a create was sent and its outcome is not known; a key may exist whose secret is lost"],
  [found, "inventory found what --fail-on names"],
  [attention, "a rotation needs attention: both keys are live, and somebody has to decide"],
  [130, "interrupted, by Ctrl-C"],
  [143, "ended by SIGTERM; for serve, emulate and rotate --watch, which stay until then, it is 0"]
]
