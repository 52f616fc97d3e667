/** Answers from a later version of a backend: fields and enum values that this version does not know. */

/** The value that is added to every list of words. */
const unknownWord = "ADDED-LATER"

const grow = (value: unknown): unknown => {
  if (Array.isArray(value)) {
    const texts = value.length > 0 && value.every((item) => typeof item === "string")
    return texts ? [...value, unknownWord] : value.map(grow)
  }
  if (typeof value !== "object" || value === null) return value
  const fields = Object.entries(value).map(([name, field]) => [name, grow(field)] as const)
  return { ...Object.fromEntries(fields), addedLater: { deeply: [1, null, "text"] }, added_too: null }
}

/** Adds unknown fields to every object of a JSON answer and an unknown word to every list of words. */
export const addUnknown = async (response: Response): Promise<Response> => {
  const { headers, status, statusText } = response
  const text = await response.text()
  const init = { status, statusText, headers }
  if (text === "") return new Response(null, init)
  try {
    return new Response(JSON.stringify(grow(JSON.parse(text))), init)
  } catch {
    return new Response(text, init)
  }
}
