/** What the forms have in common that make a key: each counts once, and one page shows a secret. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { randomBytes } from "node:crypto"
import { make as problem, type Problem } from "../../Problem.ts"
import { errorsOf } from "../issues.ts"
import { foreign, html, type Html } from "./html.ts"

/** A field to write into; `pointer` is where its value stands in the body of the neutral API. */
export interface Field<Name extends string> {
  readonly name: Name
  readonly label: string
  readonly hint: string
  readonly type?: "text" | "date" | "number"
  readonly pointer?: string
}

/** The field for the reason of a change. */
export const reasonField = { name: "reason", label: "Reason", hint: "For the audit; may stay empty." } as const

/** Shows a field with what was written into it, and what is wrong with that. */
export const input = <Name extends string>(
  { hint, label, name, pointer, type = "text" }: Field<Name>,
  written: Readonly<Record<Name, string>>,
  failure: Problem | undefined
): Html => {
  const wrong = failure?.details.errors?.find(
    (error) => pointer !== undefined && `${error.pointer}/`.startsWith(`${pointer}/`)
  )
  return html`<div class="field">
    <label for="${name}">${label}</label><span class="hint" id="${name}-hint">${hint}</span>${
      wrong !== undefined && html`<span class="wrong" id="${name}-wrong">${foreign(wrong.detail)}</span>`
    }<input
      id="${name}"
      name="${name}"
      type="${type}"
      value="${written[name]}"
      ${type === "number" && html`min="0" step="any"`}
      autocomplete="off"
      autocapitalize="off"
      spellcheck="false"
      aria-describedby="${name}-hint${wrong !== undefined && ` ${name}-wrong`}"
      ${wrong !== undefined && html` aria-invalid="true"`}
    />
  </div>`
}

/** A secret and a button to copy it. Without the script the text can be selected. */
export const secretField = (secret: Redacted.Redacted<string>): Html =>
  html`<label for="secret">Secret</label>
    <div class="secret">
      <input
        id="secret"
        value="${Redacted.value(secret)}"
        readonly
        data-once
        autocomplete="off"
        spellcheck="false"
        aria-describedby="secret-hint"
      />
      <button type="button" class="second" data-copies="secret" data-says="copied" hidden>Copy</button>
    </div>
    <p id="copied" role="status" class="small"></p>`

/** What tells one blank form from any other. */
export const newOnce = (): string => randomBytes(18).toString("base64url")

/** The idempotency key of a form, however often it is sent. */
export const idempotencyKeyOf = (once: string): Effect.Effect<string, Problem> =>
  /^[\w-]{20,64}$/.test(once)
    ? Effect.succeed(`console-${once}`)
    : Effect.fail(problem("invalid-request", "The form is not complete."))

/** A reason for the audit, as long as one may be. */
export const reasonOf = (text: string): string | undefined => (text === "" ? undefined : text.slice(0, 500))

/** Reads what forms make of their fields as the neutral API reads its body. */
export const bodyReader = <A, I>(schema: Schema.Codec<A, I>) => {
  const decode = Schema.decodeUnknownEffect(Schema.toCodecJson(schema), { errors: "all", onExcessProperty: "error" })
  return (body: unknown): Effect.Effect<A, Problem> =>
    Effect.mapError(decode(body), ({ issue }) =>
      problem("invalid-request", "The form has a field that cannot be taken as it is.", {
        errors: errorsOf("body", issue)
      })
    )
}
