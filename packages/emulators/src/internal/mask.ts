/** Masking: what the request log may show. */

/** The text that replaces a credential. */
export const masked = "<masked>"

// A shorter text would mask half of every log line; no backend issues a credential this short.
const shortestCredential = 8

/** Replaces credentials in text. */
export interface Mask {
  /** Treats this text as a credential from now on, as it is and percent-encoded. */
  readonly learn: (credential: string) => void
  readonly text: (text: string) => string
  readonly header: (name: string, value: string) => string
}

/** Makes a mask for credential headers (lower case) and for a backend's recognisable secrets (global patterns). */
export const makeMask = (credentialHeaders: ReadonlySet<string>, secretShapes: ReadonlyArray<RegExp>): Mask => {
  const known = new Set<string>()
  const text = (value: string) => {
    let result = value
    for (const shape of secretShapes) result = result.replace(shape, masked)
    // Longest first: a credential may contain another one.
    for (const credential of [...known].toSorted((left, right) => right.length - left.length)) {
      result = result.replaceAll(credential, masked)
    }
    return result
  }
  const matchesShape = (credential: string) => text(credential) === masked
  return {
    learn: (credential) => {
      if (credential.length < shortestCredential || matchesShape(credential)) return
      known.add(credential)
      known.add(encodeURIComponent(credential.toWellFormed()))
    },
    text,
    header: (name, value) => (credentialHeaders.has(name) ? masked : text(value))
  }
}
