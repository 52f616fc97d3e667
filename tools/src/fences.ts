/** The code blocks of the repository's documents. */
import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { filesBelow } from "./workspace.ts"

/**
 * One fenced code block; `line` is the line of its first text line, counted from 1. `example` is the file that it shows,
 * where the line above it says so.
 */
export interface Fence {
  readonly file: string
  readonly line: number
  readonly language: string
  readonly text: string
  readonly example?: string
}

/** Matches a block: its indentation, its language, its text. */
export const fencePattern = /^([ \t]*)```([^\s`]*)[^\n]*\n([^]*?)^\1```[ \t]*$/gm

/** Names the file that a block shows, given the text above it. */
export const exampleAbove = (text: string): string | undefined => /<!-- example: (\S+) -->\s*$/.exec(text)?.[1]

/** Finds the fenced code blocks of a Markdown text. */
export const fencesOf = (file: string, markdown: string): ReadonlyArray<Fence> =>
  [...markdown.matchAll(fencePattern)].map((match) => {
    const [, indent = "", language = "", text = ""] = match
    const above = markdown.slice(0, match.index)
    const example = exampleAbove(above)
    return {
      file,
      line: above.split("\n").length + 1,
      language: language.toLowerCase(),
      text: indent === "" ? text : text.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
      ...(example === undefined ? {} : { example })
    }
  })

/** Lists the root's Markdown files, the packages' READMEs and those of `docs/`. */
export const documents = (root: string): ReadonlyArray<string> =>
  [
    ...readdirSync(root).filter((name) => name.endsWith(".md")),
    ...readdirSync(join(root, "packages")).map((name) => `packages/${name}/README.md`),
    ...filesBelow(root, "docs").filter((path) => path.endsWith(".md"))
  ].filter((path) => existsSync(join(root, path)))
