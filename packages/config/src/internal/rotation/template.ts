/** Places with names of keys, tenants and stores in them: `keys/{tenant}/{name}.key`. */
import type { Mistake, Path } from "../document.ts"
import { didYouMean } from "../spelling.ts"

/** What may stand in braces. */
export const placeholders = ["name", "tenant", "store"] as const

/** What the braces are filled with. */
export type Filling = { readonly [Name in (typeof placeholders)[number]]: string | undefined }

const pattern = /\{([^{}]*)\}/g

const namesIn = (text: string): ReadonlyArray<string> => Array.from(text.matchAll(pattern), ([, name = ""]) => name)

/** Whether a text has a placeholder. */
export const mentions = (text: string, name: keyof Filling): boolean => namesIn(text).includes(name)

/** Tells placeholders that there are not. */
export const mistakesIn = (text: string, path: Path): ReadonlyArray<Mistake> =>
  namesIn(text)
    .filter((name) => !placeholders.some((known) => known === name))
    .map((name) => ({
      path,
      at: "value",
      problem: `there is no {${name}}.${didYouMean(name, placeholders)} In braces may stand: ${placeholders.join(", ")}.`
    }))

/** Names come from elsewhere: one must not be able to lead out of the folder that was meant. */
const isSafe = (text: string): boolean => /^[A-Za-z0-9_][A-Za-z0-9._@+-]{0,99}$/.test(text)

/** A placeholder that cannot be filled, and why. */
export interface Unfillable {
  readonly problem: string
}

/** Fills the braces of a text. */
export const fill = (text: string, filling: Filling): string | Unfillable => {
  const wrong = placeholders
    .filter((name) => mentions(text, name))
    .flatMap((name) => {
      const value = filling[name]
      const whose = name === "name" ? "its name" : `the name of its ${name}`
      if (value === undefined) return [`there is nothing to put in place of {${name}}: the key has none.`]
      return isSafe(value)
        ? []
        : [`${whose} cannot stand in a place: expected letters, digits and . _ @ + -, 100 at the most.`]
    })
  const [problem] = wrong
  return problem === undefined
    ? placeholders.reduce((filled, name) => filled.replaceAll(`{${name}}`, filling[name] ?? ""), text)
    : { problem }
}
