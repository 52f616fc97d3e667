/** A small lexer of TypeScript: enough to count code lines and to find imports and exports without a compiler API. */

/** Source text whose comments (`code`) and also string contents (`masked`) are blanked; offsets and lines are kept. */
export interface SourceText {
  readonly code: string
  readonly masked: string
  readonly strings: ReadonlyArray<string>
}

/** One import or re-export: `clause` is the text between the keyword and `from`. */
export interface Import {
  readonly specifier: string
  readonly clause: string
  readonly line: number
}

const token = new RegExp(
  [
    String.raw`(?<comment>\/\/[^\n]*|\/\*[^]*?\*\/)`,
    String.raw`(?<string>"(?:\\[^]|[^"\\\n])*"|'(?:\\[^]|[^'\\\n])*')`,
    String.raw`(?<regex>\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*)`,
    String.raw`(?<word>[\w$]+)`,
    "(?<other>[^])"
  ].join("|"),
  "y"
)
const templateText = /(?:\\[^]|\$(?!\{)|[^\\`$])*(?:`|\$\{|$)/y
const operatorWords = new Set(["return", "typeof", "case", "in", "of", "yield", "await", "void", "throw", "else"])

const blank = (text: string): string => text.replace(/[^\n]/g, " ")

const expectsValue = (previous: string): boolean =>
  previous === "" || operatorWords.has(previous) || /^[^\w$)\].]$/.test(previous)

interface Token {
  readonly kind: "comment" | "literal" | "code"
  readonly text: string
}

/** Reads the token at `at`; `previous`, the last one that was code, tells a regular expression from a division. */
const tokenAt = (text: string, at: number, previous: string): Token => {
  token.lastIndex = at
  const { comment, regex, string, word } = token.exec(text)?.groups ?? {}
  if (comment !== undefined) return { kind: "comment", text: comment }
  const literal = string ?? (expectsValue(previous) ? regex : undefined)
  if (literal !== undefined) return { kind: "literal", text: literal }
  return { kind: "code", text: word ?? text.charAt(at) }
}

/** Reads template text from `at` to its closing backtick or the next `${`. */
const templateAt = (text: string, at: number): { readonly part: string; readonly end: string } => {
  templateText.lastIndex = at
  const part = templateText.exec(text)?.[0] ?? ""
  return { part, end: part.endsWith("${") ? "${" : part.slice(-1) }
}

/** Splits a source into code and masked code. */
export const scan = (text: string): SourceText => {
  let code = ""
  let masked = ""
  let previous = ""
  const strings: Array<string> = []
  const braces: Array<"block" | "template"> = []
  const emit = (shown: string, hidden: string): void => {
    code += shown
    masked += hidden
  }
  while (code.length < text.length) {
    const { kind, text: found } = tokenAt(text, code.length, previous)
    if (kind === "comment") emit(blank(found), blank(found))
    if (kind === "literal") emit(found, found.charAt(0) + blank(found.slice(1, -1)) + found.slice(-1))
    if (kind === "literal") strings.push(found.slice(1, -1))
    if (kind === "code") emit(found, found)
    if (kind !== "comment" && found.trim() !== "") previous = kind === "literal" ? "x" : found
    if (found === "{") braces.push("block")
    if (found === "`" || (found === "}" && braces.pop() === "template")) {
      const { end, part } = templateAt(text, code.length)
      emit(part, blank(part.slice(0, part.length - end.length)) + end)
      previous = end === "${" ? "{" : "x"
      if (end === "${") braces.push("template")
    }
  }
  return { code, masked, strings }
}

const staticImport = /\b(?:import|export)\b(?:([^"'`;()]*?)\bfrom)?\s*(["'])( *)\2/g
const dynamicImport = /\bimport\s*\(()\s*(["'])( *)\2/g

/** Lists every import and re-export, dynamic imports and `import("x")` types included. */
export const importsOf = ({ code, masked }: SourceText): ReadonlyArray<Import> =>
  [staticImport, dynamicImport].flatMap((pattern) =>
    [...masked.matchAll(pattern)].map((match) => {
      const end = match.index + match[0].length - 1
      return {
        specifier: code.slice(end - (match[3] ?? "").length, end),
        clause: (match[1] ?? "").replace(/^[^]*\b(?:import|export)\b/, "").trim(),
        line: code.slice(0, end).split("\n").length
      }
    })
  )

const declaration =
  /^export\s+(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?(?:const|let|function\*?|class|interface|type)\s+(\w+)/gm
const exportList = /^export\s+(?:type\s+|const\s+)?\{([^}]*)\}/gm

/** Lists the names a module exports, types included. */
export const exportsOf = ({ masked }: SourceText): ReadonlySet<string> =>
  new Set([
    ...[...masked.matchAll(declaration)].map((match) => match[1] ?? ""),
    ...[...masked.matchAll(exportList)].flatMap((match) =>
      (match[1] ?? "").split(",").map(
        (entry) =>
          entry
            .trim()
            .split(/[\s:]+/)
            .at(-1) ?? ""
      )
    )
  ])

/** Counts the lines that hold code. */
export const codeLines = ({ code }: SourceText): number => code.split("\n").filter((line) => line.trim() !== "").length
