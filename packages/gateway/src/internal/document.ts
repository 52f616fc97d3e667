/** The document at `/openapi.json`. */
import * as OpenApi from "effect/http-api/OpenApi"
import { api } from "./contract.ts"

/** A limit is a number, although it arrives as text. */
const schemas: Readonly<Record<string, object>> = {
  limit: { type: "integer", minimum: 1, maximum: 1000, default: 100 }
}

const methods = ["get", "post", "put", "patch", "delete"] as const

/** Makes the document: what is made from the contract, in the types that clients are generated from. */
export const make = (): OpenApi.OpenAPISpec => {
  const document = OpenApi.fromApi(api)
  for (const item of Object.values(document.paths)) {
    for (const parameter of methods.flatMap((method) => item[method]?.parameters ?? [])) {
      parameter.schema = schemas[parameter.name] ?? parameter.schema
    }
  }
  return document
}
