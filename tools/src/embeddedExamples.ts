/**
 * Keeps programs that documents show equal to files that tests run: a code block below `<!-- example: path -->` is the
 * text of that file, and every file of a package's `examples/` is shown somewhere. `--write` copies the files in.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Finding, report } from "./finding.ts"
import { documents, exampleAbove, fencePattern, fencesOf } from "./fences.ts"
import { readWorkspace } from "./workspace.ts"

const mend = "change the file and run node tools/src/embeddedExamples.ts --write"

const examplesOf = (root: string): ReadonlyArray<string> =>
  readWorkspace(root).packages.flatMap(({ files, folder }) =>
    files.filter((path) => path.startsWith(`${folder}/examples/`))
  )

/** Tells which blocks are not what their files say, and which examples nobody sees. */
export const checkEmbedded = (root: string): ReadonlyArray<Finding> => {
  const shown = documents(root).flatMap((path) =>
    fencesOf(path, readFileSync(join(root, path), "utf8")).flatMap(({ example, file, line, text }) =>
      example === undefined ? [] : [{ example, place: `${file}:${line}`, text }]
    )
  )
  const stale = shown.flatMap(({ example, place, text }): ReadonlyArray<Finding> => {
    if (!existsSync(join(root, example))) {
      return [{ file: place, problem: `shows ${example}, which does not exist`, mend: "name a file of examples/" }]
    }
    return readFileSync(join(root, example), "utf8") === text
      ? []
      : [{ file: place, problem: `differs from ${example}`, mend }]
  })
  const hidden = examplesOf(root)
    .filter((path) => !shown.some(({ example }) => example === path))
    .map((path) => ({ file: path, problem: "is shown nowhere", mend: `write <!-- example: ${path} --> above a block` }))
  return [...stale, ...hidden]
}

/** Copies the files into the documents that show them. */
export const embed = (root: string): void => {
  for (const path of documents(root)) {
    const markdown = readFileSync(join(root, path), "utf8")
    const written = markdown.replaceAll(fencePattern, (fence, indent: string, language: string, ...more) => {
      const [, offset] = more
      const example = exampleAbove(markdown.slice(0, Number(offset)))
      return example === undefined || !existsSync(join(root, example))
        ? fence
        : `${indent}\`\`\`${language}\n${readFileSync(join(root, example), "utf8")}${indent}\`\`\``
    })
    if (written !== markdown) writeFileSync(join(root, path), written)
  }
}

if (import.meta.main) {
  if (process.argv.includes("--write")) embed(process.cwd())
  report("embedded examples", checkEmbedded(process.cwd()))
}
