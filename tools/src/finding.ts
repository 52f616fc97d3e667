/** One broken rule: where it is, what is wrong, and how to mend it. */
export interface Finding {
  readonly file: string
  readonly problem: string
  readonly mend: string
}

/** Prints the findings of a tool and sets the exit code: 1 if there is any finding. */
export const report = (tool: string, findings: ReadonlyArray<Finding>): void => {
  for (const { file, mend, problem } of findings) console.log(`${file}\n  ${problem}\n  mend: ${mend}`)
  if (findings.length > 0) process.exitCode = 1
  console.log(findings.length === 0 ? `${tool}: ok` : `${tool}: ${findings.length} finding(s)`)
}
