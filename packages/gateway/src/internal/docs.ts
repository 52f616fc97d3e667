/** The page for people at `/docs`: the API's own document as one page of HTML, which loads nothing and runs nothing. */
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { OpenAPISpec, OpenAPISpecOperation } from "effect/http-api/OpenApi"
import { createHash } from "node:crypto"
import * as Problem from "../Problem.ts"
import { make } from "./document.ts"

const style =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}" +
  "code,pre{font:14px/1.4 ui-monospace,monospace;background:#f2f2f2;border-radius:4px;padding:.1em .3em}" +
  "pre{padding:.8rem;overflow:auto}table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .6rem;" +
  "border-bottom:1px solid #ccc;vertical-align:top}section{margin:2rem 0}summary{cursor:pointer}"

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" }

const text = (value: string): string => value.replace(/[&<>"]/g, (character) => entities[character] ?? "")

const code = (value: string): string => `<code>${text(value)}</code>`

type Document = OpenAPISpec

type Operation = OpenAPISpecOperation

const methods = ["get", "post", "put", "patch", "delete"] as const

const parameters = ({ parameters }: Operation): string =>
  parameters.length === 0
    ? ""
    : `<table><tr><th>Parameter</th><th>In</th><th></th></tr>${parameters
        .map(
          ({ in: place, name, required }) =>
            `<tr><td>${code(name)}</td><td>${place}</td><td>${required ? "required" : ""}</td></tr>`
        )
        .join("")}</table>`

const schemaName = (schema: unknown): string | undefined => {
  const reference: unknown = typeof schema === "object" && schema !== null ? Reflect.get(schema, "$ref") : undefined
  return typeof reference === "string" ? reference.split("/").at(-1) : undefined
}

const link = (name: string | undefined): string =>
  name === undefined ? "" : `<a href="#${text(name)}">${code(name)}</a>`

const contents = (content: Operation["responses"][number]["content"] | undefined): string =>
  Object.entries(content ?? {})
    .map(([type, body]) => `${code(type)} ${link(schemaName(Reflect.get(Object(body), "schema")))}`)
    .join(" ")

const responses = ({ responses }: Operation): string =>
  `<table><tr><th>Status</th><th>Body</th></tr>${Object.entries(responses)
    .map(([status, { content }]) => `<tr><td>${status}</td><td>${contents(content)}</td></tr>`)
    .join("")}</table>`

const section = (path: string, method: string, operation: Operation): string => {
  const { description = "", requestBody, summary = "" } = operation
  const body = requestBody === undefined ? "" : `<p>Body: ${contents(requestBody.content)}</p>`
  return (
    `<section><h2>${method.toUpperCase()} ${code(path)}</h2><p><strong>${text(summary)}</strong></p>` +
    `<p>${text(description)}</p>${parameters(operation)}${body}${responses(operation)}</section>`
  )
}

const sections = ({ paths }: Document): string =>
  Object.entries(paths)
    .flatMap(([path, item]) =>
      methods.flatMap((method) => {
        const operation = item[method]
        return operation === undefined ? [] : [section(path, method, operation)]
      })
    )
    .join("")

const problems = (): string =>
  `<section><h2>Problems</h2><table><tr><th>Type</th><th>Status</th><th>Meaning</th></tr>${Object.entries(Problem.types)
    .map(
      ([name, { status, title }]) =>
        `<tr><td>${code(`urn:keyfold:problem:${name}`)}</td><td>${status}</td><td>${text(title)}</td></tr>`
    )
    .join("")}</table></section>`

const schemas = ({ components }: Document): string =>
  `<section><h2>Bodies</h2>${Object.entries(components.schemas)
    .map(
      ([name, schema]) =>
        `<details id="${text(name)}"><summary>${code(name)}</summary><pre>${text(JSON.stringify(schema, null, 2))}</pre></details>`
    )
    .join("")}</section>`

const page = (document: Document): string =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Keyfold gateway</title><meta name="viewport" ` +
  `content="width=device-width"><style>${style}</style></head><body><main><h1>Keyfold gateway</h1><p>${text(
    document.info.description ?? ""
  )} The document for programs is <a href="/openapi.json">/openapi.json</a>.</p>${sections(document)}${problems()}${schemas(
    document
  )}</main></body></html>`

const hash = createHash("sha256").update(style).digest("base64")

/** The page. Its own style is all that a browser may use for it. */
export const response = (): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.text(page(make()), {
    contentType: "text/html; charset=utf-8",
    headers: {
      "content-security-policy": `default-src 'none'; style-src 'sha256-${hash}'; frame-ancestors 'none'; base-uri 'none'`
    }
  })
