/** The grammar of selectors, by recursive descent. */
import * as Result from "effect/Result"
import type { Order, Selector, TextField } from "../../Selector.ts"
import type { Mistake } from "./excerpt.ts"
import { example, fieldList, fieldNames, keywords, kindOf, statuses, synonyms, type Kind } from "./fields.ts"
import { readTokens, type Token } from "./lexer.ts"
import { nearest } from "./spelling.ts"

const longestText = 4096
const deepest = 100

type Parsed<A> = Result.Result<A, Mistake>

/** Where the parser is. */
interface Reader {
  readonly text: string
  readonly tokens: ReadonlyArray<Token>
  at: number
  depth: number
}

const peek = ({ at, text, tokens }: Reader): Token =>
  tokens[at] ?? { kind: "end", start: text.length, end: text.length }

const take = (reader: Reader): Token => {
  const token = peek(reader)
  reader.at++
  return token
}

const isWord = (token: Token, word: string): boolean => token.kind === "word" && token.text === word

const isMark = (token: Token, mark: string): boolean => token.kind === "mark" && token.text === mark

const fail = <A>({ start, end }: Token, problem: string, expected: string, suggestion?: string): Parsed<A> =>
  Result.fail({
    position: start,
    length: end - start,
    problem,
    expected,
    ...(suggestion === undefined ? {} : { suggestion })
  })

const named = (reader: Reader, token: Token): string =>
  token.kind === "end" ? "the selector ends here" : `"${reader.text.slice(token.start, token.end)}" cannot stand here`

/** A word in the wrong place: perhaps one of ours, misspelt. */
const misplaced = <A>(
  reader: Reader,
  token: Token,
  expected: string,
  accepted: ReadonlyArray<string> = []
): Parsed<A> =>
  fail(token, named(reader, token), expected, token.kind === "word" ? nearest(token.text, accepted) : undefined)

const disjunction = (reader: Reader): Parsed<Selector> => joined(reader, "or", conjunction)

const conjunction = (reader: Reader): Parsed<Selector> => joined(reader, "and", negation)

const joined = (
  reader: Reader,
  kind: "and" | "or",
  operand: (reader: Reader) => Parsed<Selector>
): Parsed<Selector> => {
  let left = operand(reader)
  while (Result.isSuccess(left) && isWord(peek(reader), kind)) {
    reader.at++
    const right = operand(reader)
    if (Result.isFailure(right)) return right
    left = Result.succeed({ kind, left: left.success, right: right.success })
  }
  return left
}

/** Parentheses and `not` call the grammar again, as deep as the text says. */
const deeper = <A>(reader: Reader, token: Token, read: () => Parsed<A>): Parsed<A> => {
  if (reader.depth >= deepest) return fail(token, "this is nested too deep", `at most ${deepest} levels`)
  reader.depth++
  const result = read()
  reader.depth--
  return result
}

const negation = (reader: Reader): Parsed<Selector> => {
  const token = peek(reader)
  if (!isWord(token, "not")) return primary(reader)
  reader.at++
  return Result.map(
    deeper(reader, token, () => negation(reader)),
    (operand): Selector => ({ kind: "not", operand })
  )
}

const primary = (reader: Reader): Parsed<Selector> => {
  const token = take(reader)
  if (!isMark(token, "(")) return comparison(reader, token)
  const inside = deeper(reader, token, () => disjunction(reader))
  if (Result.isFailure(inside)) return inside
  const closing = take(reader)
  return isMark(closing, ")") ? inside : misplaced(reader, closing, '")", "and" or "or"', ["and", "or"])
}

const readField = (reader: Reader, token: Token): Parsed<Kind> => {
  const expected = `a field: ${fieldList}`
  if (token.kind !== "word") return fail(token, named(reader, token), expected)
  const kind = kindOf(token.text)
  if (kind !== undefined) return Result.succeed(kind)
  if (keywords.includes(token.text)) return fail(token, named(reader, token), expected)
  const meant = synonyms.get(token.text.toLowerCase()) ?? nearest(token.text, [...fieldNames, "not"])
  return fail(token, `"${token.text}" is no field`, expected, meant)
}

const operators: { readonly [Kind_ in Kind["kind"]]: string } = {
  text: '==, !=, in, ~, "is missing" or "is present"',
  scope: 'contains, ~, "is missing" or "is present"',
  span: '==, !=, <, <=, >, >=, "is missing" or "is present"',
  time: '==, !=, <, <=, >, >=, "is missing" or "is present"'
}

const operatorWords: ReadonlyArray<string> = ["in", "is", "contains"]

const operatorSynonyms: ReadonlyMap<string, string> = new Map([
  ["has", "contains"],
  ["includes", "contains"],
  ["like", "~"],
  ["matches", "~"],
  ["equals", "=="],
  ["eq", "=="],
  ["ne", "!="],
  ["lt", "<"],
  ["gt", ">"],
  ["before", "<"],
  ["after", ">"],
  ["older", ">"]
])

const noOperator = <A>(reader: Reader, { field, kind }: Kind, token: Token): Parsed<A> => {
  const expected = `one of these after ${field}: ${operators[kind]}`
  if (token.kind !== "word") return fail(token, named(reader, token), expected)
  if (token.text === "not") return fail(token, named(reader, token), expected, `not ${field} in …`)
  const word = token.text.toLowerCase()
  return fail(token, named(reader, token), expected, operatorSynonyms.get(word) ?? nearest(word, operatorWords))
}

const comparison = (reader: Reader, first: Token): Parsed<Selector> => {
  const found = readField(reader, first)
  if (Result.isFailure(found)) return Result.fail(found.failure)
  const kind = found.success
  const operator = take(reader)
  if (isWord(operator, "is")) return presence(reader, kind)
  switch (kind.kind) {
    case "text":
      return compareText(reader, kind.field, operator)
    case "scope":
      return compareScopes(reader, operator)
    default:
      return compareOrdered(reader, kind, operator)
  }
}

const presence = (reader: Reader, { field }: Kind): Parsed<Selector> => {
  const token = take(reader)
  if (isWord(token, "missing")) return Result.succeed({ kind: "presence", field, present: false })
  if (isWord(token, "present")) return Result.succeed({ kind: "presence", field, present: true })
  const meant = token.kind === "word" && /^(?:null|none|unknown|empty|unset)$/i.test(token.text) ? "missing" : undefined
  return meant === undefined
    ? misplaced(reader, token, '"missing" or "present"', ["missing", "present"])
    : fail(token, named(reader, token), '"missing" or "present"', meant)
}

const checkedText = (reader: Reader, field: TextField, token: Token): Parsed<string> => {
  if (token.kind !== "text") {
    const bare = token.kind === "word" ? `"${token.text}"` : undefined
    return fail(token, named(reader, token), example(field), bare)
  }
  if (field !== "status" || statuses.includes(token.text)) return Result.succeed(token.text)
  const meant = nearest(token.text, statuses)
  const quoted = meant === undefined ? undefined : `"${meant}"`
  return fail(token, "no key is ever in this state", '"active", "expired" or "revoked"', quoted)
}

const patternText = (reader: Reader, token: Token): Parsed<string> =>
  token.kind === "text"
    ? Result.succeed(token.text)
    : fail(
        token,
        named(reader, token),
        'a pattern in quotes, such as "ci-*"',
        token.kind === "word" ? `"${token.text}*"` : undefined
      )

const compareText = (reader: Reader, field: TextField, operator: Token): Parsed<Selector> => {
  if (isWord(operator, "in")) {
    return Result.map(readList(reader, field), (values): Selector => ({ kind: "oneOf", field, values }))
  }
  if (operator.kind === "operator" && operator.text === "~") {
    const pattern = patternText(reader, take(reader))
    return Result.map(pattern, (value): Selector => ({ kind: "text", field, operator: "~", value }))
  }
  const sign = operator.kind === "operator" ? operator.text : undefined
  if (sign !== "==" && sign !== "!=") return noOperator(reader, { kind: "text", field }, operator)
  const text = checkedText(reader, field, take(reader))
  return Result.map(text, (value): Selector => ({ kind: "text", field, operator: sign, value }))
}

const readList = (reader: Reader, field: TextField): Parsed<ReadonlyArray<string>> => {
  const opening = take(reader)
  if (!isMark(opening, "[")) return fail(opening, named(reader, opening), 'a list, such as ["ci", "bot"]')
  const values: Array<string> = []
  for (;;) {
    const value = checkedText(reader, field, take(reader))
    if (Result.isFailure(value)) return Result.fail(value.failure)
    values.push(value.success)
    const next = take(reader)
    if (isMark(next, "]")) return Result.succeed(values)
    if (!isMark(next, ",")) return fail(next, named(reader, next), '"," or "]"')
  }
}

const compareScopes = (reader: Reader, operator: Token): Parsed<Selector> => {
  if (operator.kind === "operator" && operator.text === "~") {
    const pattern = patternText(reader, take(reader))
    return Result.map(pattern, (value): Selector => ({ kind: "scope", operator: "~", value }))
  }
  if (operator.kind === "operator" && operator.text === "==") {
    const expected = `one of these after scopes: ${operators.scope}`
    return fail(operator, "a key has any number of scopes", expected, "contains")
  }
  if (!isWord(operator, "contains")) return noOperator(reader, { kind: "scope", field: "scopes" }, operator)
  const token = take(reader)
  return token.kind === "text"
    ? Result.succeed({ kind: "scope", operator: "contains", value: token.text })
    : fail(
        token,
        named(reader, token),
        'a scope in quotes, such as "write"',
        token.kind === "word" ? `"${token.text}"` : undefined
      )
}

const isOrder = (text: string): text is Order => ["==", "!=", "<", "<=", ">", ">="].includes(text)

const compareOrdered = (
  reader: Reader,
  kind: Extract<Kind, { readonly kind: "span" | "time" }>,
  operator: Token
): Parsed<Selector> => {
  if (operator.kind !== "operator" || !isOrder(operator.text)) return noOperator(reader, kind, operator)
  const order = operator.text
  const value = take(reader)
  if (kind.kind === "span" && value.kind === "span") {
    return Result.succeed({ kind: "span", field: kind.field, operator: order, milliseconds: value.milliseconds })
  }
  if (kind.kind === "time" && value.kind === "time") {
    const { epochMilliseconds } = value
    return Result.succeed({ kind: "time", field: kind.field, operator: order, epochMilliseconds })
  }
  const inQuotes = value.kind === "text" && /^[\dTZ:.+-]+[smhdw]?$/.test(value.text) ? value.text : undefined
  return fail(value, named(reader, value), example(kind.field), inQuotes)
}

/** Reads a selector from its text. */
export const parseSelector = (text: string): Parsed<Selector> => {
  if (text.length > longestText) {
    const expected = `at most ${longestText.toLocaleString("en")} characters`
    return Result.fail({ position: longestText, length: 1, problem: "the selector is too long", expected })
  }
  const tokens = readTokens(text)
  if (Result.isFailure(tokens)) return Result.fail(tokens.failure)
  const reader: Reader = { text, tokens: tokens.success, at: 0, depth: 0 }
  const selector = disjunction(reader)
  if (Result.isFailure(selector)) return selector
  const rest = peek(reader)
  return rest.kind === "end"
    ? selector
    : misplaced(reader, rest, '"and", "or" or the end of the selector', ["and", "or"])
}
