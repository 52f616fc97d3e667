/** The marked secrets of the campaign, those drawn on the way included, and what a careless server does with them. */
import * as Redacted from "effect/Redacted"

// Every form of a secret differs from the raw one only where it holds signs that encoders change.
const signs = '+/=?&%41 "\\ü#'

/** Secrets that Keyfold is given. Each has the signs its place allows. */
export const given = {
  whylabsSystem: "systemKey0.CANARY+credential^must&never@show$UPinANYplace0000001",
  whylabsCaller: "callerKey0.CANARY+caller^must&never@show$UP^in@ANYplace000000002",
  arthurMaster: 'CANARY/master+key?must=never&show%41"in\\any#place0000003',
  occamKey: "sk-occam-CANARY-credential_must-never_show-anywhere-0000004",
  occamPassword: `CANARY password must never show ${signs} anywhere 0000005`,
  pepper: `CANARY pepper must never show ${signs} anywhere 00000006`,
  journalSecret: `CANARY journal secret must never show ${signs} 00000007`,
  labelSecret: `CANARY label secret must never show ${signs} 000000008`,
  cursorSecret: `CANARY cursor secret must never show ${signs} 00000009`,
  presented: "CANARY+presented^must&never@show$UPinANYplace000000000010",
  proxyPassword: "CANARY:proxy password?must/never&show#anywhere%2B000000011"
}

export const redacted = (text: string): Redacted.Redacted<string> => Redacted.make(text)

/** What the emulators hand out, by the shapes of their secrets and tokens. */
const drawn: ReadonlyArray<RegExp> = [
  /\b[A-Za-z0-9]{10}\.[A-Za-z0-9]{53}\b/g,
  /\b[A-Za-z0-9]{107}=/g,
  /sk-occam-[0-9a-f]{32}/g,
  /(?<="(?:access_token|refresh_token)":")[^"]+/g
]

/** Every secret of one run: those given, and those that came to be on the way. */
export interface Canaries {
  readonly add: (secret: string) => void
  /** Adds what a server hands out in this text. */
  readonly collect: (text: string) => void
  readonly all: () => ReadonlyArray<string>
  readonly count: () => number
  /**
   * What a careless server or proxy repeats: credentials and what else it has seen, in every form. Secrets of several
   * words are among them only where they are `sent`; nobody could tell another one from a sentence.
   */
  readonly echo: (sent?: ReadonlyArray<string>) => string
}

const echoed = [given.whylabsSystem, given.whylabsCaller, given.arthurMaster, given.occamKey, given.presented]

export const makeCanaries = (): Canaries => {
  const known = new Set(Object.values(given))
  const own = known.size
  return {
    add: (secret) => void known.add(secret),
    collect: (text) => {
      for (const [secret] of drawn.flatMap((shape) => [...text.matchAll(shape)])) known.add(secret)
    },
    all: () => [...known],
    count: () => known.size,
    echo: (sent = []) =>
      // The newest come first: of a server's answer no more than a thousand characters are read.
      [...sent, ...[...known].slice(own).slice(-3), ...echoed]
        .flatMap((secret) => [
          secret,
          encodeURIComponent(secret),
          Buffer.from(secret).toString("base64url"),
          Buffer.from(secret).toString("hex")
        ])
        .join(" ")
  }
}
