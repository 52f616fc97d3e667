/** The door of a backend: a request with a secret, which is let in or turned away. */
import type { BackendName } from "../chaos/backend.ts"

/** A request that presents a secret and changes nothing. */
export interface Knock {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

/** Makes the request. Databases have no such door. */
export const knockOf = (backend: BackendName, secret: string): Knock => {
  if (backend === "arthur") return { path: "api/v2/tasks", headers: { authorization: `Bearer ${secret}` } }
  if (backend === "occam") return { path: `auth/access-token?key=${encodeURIComponent(secret)}`, headers: {} }
  return { path: "v1/api-key/validate", headers: { "x-api-key": secret } }
}
