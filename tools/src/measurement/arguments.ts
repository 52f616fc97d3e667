/** Numbers of a command line; what is none is an error that names its option. */

/** Reads a number above 0. */
export const positive = (name: string, text: string): number => {
  const value = Number(text)
  if (Number.isFinite(value) && value > 0) return value
  throw new Error(`--${name} takes a number above 0, and not ${JSON.stringify(text)}`)
}

/** Reads a whole number above 0. */
export const whole = (name: string, text: string): number => {
  const value = positive(name, text)
  if (Number.isInteger(value)) return value
  throw new Error(`--${name} takes a whole number, and not ${JSON.stringify(text)}`)
}
