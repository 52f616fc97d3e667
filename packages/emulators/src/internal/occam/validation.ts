/** Complaints as FastAPI answers them: 422 and an array. */
import type { Switches } from "../../Occam.ts"
import { detail } from "../fastapi/answers.ts"
import { missing, notAString, objectBody, type Problem } from "../fastapi/body.ts"
import type { Refusal } from "../refusal.ts"

const render = ({ ctx, input, loc, msg, type }: Problem, members: Switches["validationMembers"]) => {
  if (members === "documented") return { loc, msg, type }
  const context = ctx === undefined ? {} : { ctx }
  const url = members === "url" ? { url: `https://errors.pydantic.dev/2.7/v/${type}` } : {}
  return { type, loc, msg, input, ...context, ...url }
}

/** Refuses with 422. */
export const unprocessable = (switches: Switches, problems: ReadonlyArray<Problem>): Refusal =>
  detail(
    422,
    problems.map((problem) => render(problem, switches.validationMembers))
  )

/** Reads one required string member out of a body, or refuses. */
export const stringMember = (switches: Switches, body: unknown, name: string): string => {
  const object = objectBody(body)
  if ("problem" in object) throw unprocessable(switches, [object.problem])
  const value = object.fields[name]
  if (typeof value === "string") return value
  const loc = ["body", name]
  throw unprocessable(switches, [value === undefined ? missing(loc, object.fields) : notAString(loc, value)])
}
