/** What can be wrong with a written reference. No text here repeats a value: it may be the secret itself. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

/** One mistake, and the members that lead to it. */
export interface Mistake {
  readonly path: ReadonlyArray<string | number>
  readonly problem: string
}

const sources = ["env", "file", "command"] as const
const commandOnly = ["timeout", "refresh"] as const
const members: ReadonlyArray<string> = [...sources, ...commandOnly]
const forms = "{ env: NAME }, { file: path } or { command: [program, argument] }"

const at = (path: Mistake["path"], problem: string): Mistake => ({ path, problem })

const isText = (value: unknown): value is string => typeof value === "string" && value !== ""

const checkEnv = (value: unknown): ReadonlyArray<Mistake> =>
  typeof value === "string" && /^[A-Za-z_][A-Za-z0-9_]*$/.test(value)
    ? []
    : [at(["env"], "expected the name of an environment variable: letters, digits and underscores, without $")]

const checkFile = (value: unknown): ReadonlyArray<Mistake> =>
  isText(value) && !value.includes("\u0000") ? [] : [at(["file"], "expected the path of a file")]

const checkCommand = (value: unknown): ReadonlyArray<Mistake> => {
  if (!Array.isArray(value) || value.length === 0) {
    return [at(["command"], "expected a list, [program, argument, ...]; no shell reads it")]
  }
  if (!isText(value[0])) return [at(["command", 0], "expected the name or path of a program")]
  return value.flatMap((argument, index) =>
    typeof argument === "string" && !argument.includes("\u0000")
      ? []
      : [at(["command", index], "expected text; write numbers in quotes")]
  )
}

const isPositiveDuration = (value: unknown): boolean => {
  if (typeof value !== "string") return false
  // The cast only opens the typed template to the text that `fromInput` itself judges.
  const duration = Option.getOrUndefined(Duration.fromInput(value as Duration.Input))
  return duration !== undefined && Duration.isFinite(duration) && Duration.toMillis(duration) > 0
}

const checkDurations = (value: object): ReadonlyArray<Mistake> =>
  commandOnly.flatMap((name) => {
    if (!Object.hasOwn(value, name)) return []
    if (!Object.hasOwn(value, "command")) return [at([name], "belongs to a command; remove it")]
    return isPositiveDuration(Reflect.get(value, name))
      ? []
      : [at([name], `expected a length of time such as "30 seconds" or "5 minutes"`)]
  })

const checks = { env: checkEnv, file: checkFile, command: checkCommand }

/** Lists every mistake of a written reference; none means that the schema accepts it. */
export const findMistakes = (value: unknown): ReadonlyArray<Mistake> => {
  if (typeof value === "string") return [at([], `a secret is not written here; write ${forms}`)]
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return [at([], `expected a reference to a secret; write ${forms}`)]
  }
  const present = sources.filter((name) => Object.hasOwn(value, name))
  // A member's name is not repeated either: `{ the-secret }` is how YAML users write a reference by mistake.
  const unknown = Object.keys(value).some((name) => !members.includes(name))
  return [
    ...(unknown ? [at([], `has a member that is not known; accepted: ${members.join(", ")}`)] : []),
    ...(present.length > 1 ? [at([], `names ${present.join(" and ")}; exactly one is accepted`)] : []),
    ...(present.length === 0 && !unknown ? [at([], `names no place to find the secret; write ${forms}`)] : []),
    ...present.flatMap((name) => checks[name](Reflect.get(value, name))),
    ...checkDurations(value)
  ]
}
