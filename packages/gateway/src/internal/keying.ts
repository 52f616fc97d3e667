/** Keyed digests of the gateway's own: of audit entries and of request bodies. */
import type { Peppers } from "@keyfold/sql/Pepper"
import { createHmac, type KeyObject } from "node:crypto"

/** Digests texts under a pepper's own derived key, for one purpose. */
export interface Keying {
  /** Names the current pepper. */
  readonly current: string
  /** Digests under the pepper of this name; undefined where it is not supplied. */
  readonly digest: (keyed: string, text: string) => string | undefined
}

/** Makes the digests of one purpose. A digest of one purpose says nothing for another. */
export const make = ({ current, previous }: Peppers, purpose: string): Keying => {
  const derived = (key: KeyObject) => createHmac("sha256", key).update(`keyfold gateway ${purpose} 1`).digest()
  const keys = new Map([...previous, current].map(({ fingerprint, key }) => [fingerprint, derived(key)]))
  return {
    current: current.fingerprint,
    digest: (keyed, text) => {
      const key = keys.get(keyed)
      return key === undefined ? undefined : createHmac("sha256", key).update(text).digest("base64url")
    }
  }
}
