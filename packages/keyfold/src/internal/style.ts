/** Colour, where an output wants it. */
import type { Output } from "../Shell.ts"

const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const

/** Names a way to set text off. */
export type Style = keyof typeof codes

/** Sets a text off from the others, where the output shows colours. */
export const paint = (output: Pick<Output, "color">, style: Style, text: string): string =>
  output.color && text !== "" ? `\u001b[${codes[style]}m${text}\u001b[0m` : text
