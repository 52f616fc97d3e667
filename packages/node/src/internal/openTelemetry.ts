/** OpenTelemetry's own way to say where telemetry goes: an address, headers, and variables. */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { Options } from "../Telemetry.ts"

/** What was checked: an address without anything secret in it, and headers by name. */
export interface Destination {
  readonly endpoint: string
  readonly headers: Readonly<Record<string, string>>
}

const names = {
  endpoint: "OTEL_EXPORTER_OTLP_ENDPOINT",
  headers: "OTEL_EXPORTER_OTLP_HEADERS",
  protocol: "OTEL_EXPORTER_OTLP_PROTOCOL",
  serviceName: "OTEL_SERVICE_NAME",
  attributes: "OTEL_RESOURCE_ATTRIBUTES",
  disabled: "OTEL_SDK_DISABLED"
} as const

const refuse = (field: string, problem: string, fix: string) =>
  Result.fail(new ConfigurationError({ field, problem, fix }))

const checkEndpoint = (endpoint: string): Result.Result<string, ConfigurationError> => {
  const fix = "Name the collector's base URL, such as http://localhost:4318."
  const url = URL.parse(endpoint)
  // The text may hold a password, so it is not repeated.
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return refuse("endpoint", "expected a URL that begins with http:// or https://.", fix)
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    return refuse(
      "endpoint",
      "expected a URL without a user, a password, a query and a fragment.",
      `${fix} A credential belongs into the headers.`
    )
  }
  return Result.succeed(url.href.replace(/\/+$/, ""))
}

const decode = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text.trim())
  } catch {
    return undefined
  }
}

/** Reads `name=value` pairs; undefined where one is not, or cannot be decoded. */
const pairs = (text: string): Readonly<Record<string, string>> | undefined => {
  const read = text
    .split(",")
    .filter((part) => part.trim() !== "")
    .map((part): readonly [string | undefined, string | undefined] => {
      const at = part.indexOf("=")
      return at < 1 ? [undefined, undefined] : [decode(part.slice(0, at)), decode(part.slice(at + 1))]
    })
  const entries = read.flatMap(([name, value]) =>
    name === undefined || value === undefined ? [] : [[name, value] as const]
  )
  return entries.length === read.length ? Object.fromEntries(entries) : undefined
}

const isSendable = (name: string, value: string): boolean => {
  try {
    new Headers().set(name, value)
    return true
  } catch {
    return false
  }
}

const checkHeaders = (
  headers: Redacted.Redacted<string> | undefined
): Result.Result<Readonly<Record<string, string>>, ConfigurationError> => {
  const read = headers === undefined ? {} : pairs(Redacted.value(headers))
  return read === undefined || !Object.entries(read).every(([name, value]) => isSendable(name, value))
    ? refuse(
        "headers",
        "expected name=value pairs with commas between them.",
        "Percent-encode what a header cannot hold as it is, such as a comma in a value."
      )
    : Result.succeed(read)
}

/** Checks where telemetry shall go. */
export const check = ({ endpoint, headers }: Options): Result.Result<Destination, ConfigurationError> =>
  Result.flatMap(checkEndpoint(endpoint), (checked) =>
    Result.map(checkHeaders(headers), (named) => ({ endpoint: checked, headers: named }))
  )

const renamed: Readonly<Record<string, string>> = { endpoint: names.endpoint, headers: names.headers }

const protocols: Readonly<Record<string, "protobuf" | "json">> = { "http/protobuf": "protobuf", "http/json": "json" }

/** Reads the variables; an endpoint that is given goes before them. */
export const read = (
  environment: Readonly<Record<string, string | undefined>>,
  given: string | undefined
): Result.Result<Option.Option<Options>, ConfigurationError> => {
  const value = (name: keyof typeof names) => {
    const text = environment[names[name]]
    return text === undefined || text.trim() === "" ? undefined : text
  }
  const endpoint = given ?? (value("disabled")?.toLowerCase() === "true" ? undefined : value("endpoint"))
  if (endpoint === undefined) return Result.succeed(Option.none())
  const written = value("protocol")
  const protocol = written === undefined ? "protobuf" : protocols[written.trim().toLowerCase()]
  if (protocol === undefined) {
    return refuse(names.protocol, "expected http/protobuf or http/json.", "Set one of them, or remove the variable.")
  }
  const attributes = pairs(value("attributes") ?? "")
  if (attributes === undefined) {
    return refuse(names.attributes, "expected name=value pairs with commas between them.", "Percent-encode the values.")
  }
  const headers = value("headers")
  const serviceName = value("serviceName") ?? attributes["service.name"]
  const options: Options = {
    endpoint,
    protocol,
    attributes,
    ...(headers === undefined ? {} : { headers: Redacted.make(headers) }),
    ...(serviceName === undefined ? {} : { serviceName })
  }
  return Result.mapBoth(check(options), {
    onSuccess: () => Option.some(options),
    onFailure: ({ field = "", fix = "", problem }) =>
      new ConfigurationError({
        field: field === "endpoint" && given !== undefined ? field : (renamed[field] ?? field),
        problem,
        fix
      })
  })
}
