/** Masking: what the request log may show. */

/** The text that replaces a credential. */
export const masked = "<masked>"

// A shorter text would mask half of every log line; no backend issues a credential this short.
const shortestCredential = 8

const bearer = /^Bearer\s+/i

/** Replaces credentials in text. */
export interface Mask {
  /** Treats this text as a credential from now on, as it is and percent-encoded. */
  readonly learn: (credential: string) => void
  readonly text: (text: string) => string
  /** Masks the values of credential fields whatever their form, then the rest as text. */
  readonly query: (name: string, value: string) => string
  /** As `query`, for the fields of JSON, form and multipart bodies, malformed ones included. */
  readonly body: (text: string) => string
  readonly header: (name: string, value: string) => string
}

// Work on the text, not on a parsed body: what cannot be parsed must not show its secrets either.
const fieldShapes = (fields: ReadonlySet<string>): ReadonlyArray<RegExp> => {
  if (fields.size === 0) return []
  const names = `(?:${[...fields].join("|")})`
  return [
    new RegExp(`("${names}"\\s*:\\s*)("(?:[^"\\\\]|\\\\[^])*"?|[^\\s",}\\]]+)`, "g"),
    new RegExp(`((?:^|&)${names}=)([^&]+)`, "g"),
    new RegExp(`(name="?${names}"?[^\\n]*\\n(?:[^\\r\\n]+\\r?\\n)*\\r?\\n)([^]*?)(?=\\r?\\n--|$)`, "g")
  ]
}

const decoded = (value: string): string => {
  try {
    return value.startsWith('"') ? String(JSON.parse(value)) : decodeURIComponent(value.replaceAll("+", " "))
  } catch {
    return value.replace(/^"|"$/g, "")
  }
}

/**
 * Makes a mask for credential headers (lower case), for a backend's recognisable secrets (global patterns) and for the
 * fields of queries and bodies that hold credentials.
 */
export const makeMask = (
  credentialHeaders: ReadonlySet<string>,
  secretShapes: ReadonlyArray<RegExp>,
  credentialFields: ReadonlySet<string>
): Mask => {
  const known = new Set<string>()
  // Longest first: a credential may contain another one.
  let ordered: ReadonlyArray<string> = []
  const shaped = (value: string) => secretShapes.reduce((rest, shape) => rest.replace(shape, masked), value)
  const text = (value: string) =>
    ordered.reduce((rest, credential) => rest.replaceAll(credential, masked), shaped(value))
  // What the shapes find anyway is not learned: a backend issues thousands of tokens, and each would slow every text.
  const isShaped = (credential: string) => shaped(credential).replace(bearer, "") === masked
  const learn = (credential: string) => {
    if (credential.length < shortestCredential || known.has(credential) || isShaped(credential)) return
    known.add(credential)
    known.add(encodeURIComponent(credential.toWellFormed()))
    ordered = [...known].toSorted((left, right) => right.length - left.length)
  }
  const shapes = fieldShapes(credentialFields)
  const maskField = (_: string, before: string, value: string) => {
    learn(decoded(value))
    return before + (value.startsWith('"') ? `"${masked}"` : masked)
  }
  return {
    learn,
    text,
    query: (name, value) => {
      if (!credentialFields.has(name)) return text(value)
      learn(value)
      return masked
    },
    body: (body) => text(shapes.reduce((rest, shape) => rest.replace(shape, maskField), body)),
    header: (name, value) => (credentialHeaders.has(name) ? masked : text(value))
  }
}
