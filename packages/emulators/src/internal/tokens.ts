/** Random and signed-looking texts that backends issue. */

const urlSafe = (binary: string): string => btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")

/** Draws random text of the URL-safe base64 alphabet without padding; 32 bytes give 43 characters. */
export const urlSafeToken = (bytes = 32): string =>
  urlSafe(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(bytes))))

/** Builds text in the form of a JWT; the claims are readable, the signature is random. */
export const jwtText = (algorithm: "HS256" | "RS256", claims: Readonly<Record<string, unknown>>): string => {
  const segments = [{ alg: algorithm, typ: "JWT" }, claims].map((value) => urlSafe(JSON.stringify(value)))
  return [...segments, urlSafeToken(algorithm === "HS256" ? 32 : 256)].join(".")
}
