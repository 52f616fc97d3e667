/** Creating a key: a form that counts once, and the one page that shows a secret. */
import type { Capabilities } from "@keyfold/core/Capabilities"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"
import { types, type Problem } from "../../Problem.ts"
import * as creating from "../creating.ts"
import * as wire from "../wire.ts"
import { bodyReader, idempotencyKeyOf, input, newOnce, reasonField, reasonOf, secretField, type Field } from "./form.ts"
import { foreign, html, type Part } from "./html.ts"
import { said, sealed, show, to } from "./page.ts"
import { asCaller, backendFor, framed, may, sealedForm, tenantOf, type Response, type Visitor } from "./visit.ts"
import { nameOf } from "./words.ts"

/** What was written into the form. */
interface Written {
  readonly once: string
  readonly name: string
  readonly owner: string
  readonly scopes: string
  readonly expires: string
  readonly reason: string
}

const blank = (): Written => ({
  once: newOnce(),
  name: "",
  owner: "",
  scopes: "",
  expires: "",
  reason: ""
})

const writtenIn = (form: URLSearchParams): Written => {
  const of = (name: string) => (form.get(name) ?? "").trim()
  return {
    once: of("once"),
    name: of("name"),
    owner: of("owner"),
    scopes: of("scopes"),
    expires: of("expires"),
    reason: of("reason")
  }
}

const fieldsFor = ({ expiry, owners, scopes }: Capabilities): ReadonlyArray<Field<Exclude<keyof Written, "once">>> => [
  { name: "name", label: "Name", hint: "What the key is for, such as nightly-report.", pointer: "/name" },
  ...(owners === "unsupported"
    ? []
    : [
        {
          name: "owner",
          label: "Owner",
          hint: "Who answers for it; the store's default where it is empty.",
          pointer: "/owner"
        } as const
      ]),
  ...(scopes
    ? [
        {
          name: "scopes",
          label: "Scopes",
          hint: "With spaces between them; the store's default where it is empty.",
          pointer: "/scopes"
        } as const
      ]
    : []),
  ...(expiry
    ? [
        {
          name: "expires",
          label: "Expires",
          hint: "The first day (UTC) on which it does not work any more; never where it is empty.",
          type: "date",
          pointer: "/expiresAt"
        } as const
      ]
    : []),
  reasonField
]

const cannot: Readonly<Record<string, string>> = {
  expiry: "Its keys do not end by themselves.",
  scopes: "Its keys have no scopes."
}

const formPage = (
  visitor: Visitor,
  tenant: string,
  about: { readonly backend: string; readonly capabilities: Capabilities },
  written: Written,
  failure?: Problem
): Response => {
  const { backend, capabilities } = about
  const limits = (["expiry", "scopes"] as const).filter((name) => !capabilities[name]).map((name) => cannot[name])
  return show({
    ...framed(visitor, tenant, "new"),
    title: `New key of ${tenant}`,
    status: failure === undefined ? 200 : types[failure.name].status,
    body: html`<div class="narrow">
      <h1>New key of ${foreign(tenant)}</h1>
      <p class="lead">on ${foreign(backend)}. ${limits.join(" ")}</p>
      ${failure !== undefined && said(failure)}
      <form method="post" action="/console/new" class="card">
        ${sealed(visitor.session)} <input type="hidden" name="once" value="${written.once}" /><input
          type="hidden"
          name="tenant"
          value="${tenant}"
        />
        ${fieldsFor(capabilities).map((field) => input(field, written, failure))}
        <div class="row"><button>Create the key</button><a href="${to("keys", { tenant })}">Cancel</a></div>
      </form>
    </div>`
  })
}

/** The form. */
export const blankForm = Effect.fnUntraced(function* (visitor: Visitor): Effect.fn.Return<Response, Problem> {
  const tenant = tenantOf(visitor)
  return formPage(visitor, tenant, yield* backendFor(visitor, tenant, "create"), blank())
})

const decode = bodyReader(wire.NewKey)

/** A day in the body of the neutral API; what is no day is refused there. */
const startOf = (day: string): string =>
  Option.match(DateTime.make(`${day}T00:00:00Z`), { onNone: () => day, onSome: DateTime.formatIso })

const specOf = ({ expires, name, owner, scopes }: Written): Effect.Effect<typeof wire.NewKey.Type, Problem> =>
  decode({
    ...(name === "" ? {} : { name }),
    ...(owner === "" ? {} : { owner }),
    ...(scopes === "" ? {} : { scopes: scopes.split(/[\s,]+/).filter((scope) => scope !== "") }),
    ...(expires === "" ? {} : { expiresAt: startOf(expires) })
  })

const createdPage = (
  visitor: Visitor,
  tenant: string,
  { key, secret }: Effect.Success<ReturnType<typeof creating.create>>
): Response =>
  show({
    ...framed(visitor, tenant),
    title: `Key created for ${tenant}`,
    status: 201,
    body: html`<div class="narrow">
      <h1>Key created</h1>
      <p class="lead">${foreign(nameOf(key))} <code>${foreign(key.id)}</code> of ${foreign(tenant)}</p>
      <div class="note warn" role="status" id="secret-hint">
        <p>
          <strong>This is its secret, shown this once.</strong> Put it where its holder reads it before you leave this
          page. It is not kept, and cannot be shown again.
        </p>
      </div>
      <div class="card">${secretField(secret)}</div>
      <p><a href="${to("keys", { tenant })}">I have the secret: on to the keys</a></p>
    </div>`
  })

/** Says that a form was sent before. The secret is not shown again, whoever asks. */
const beforePage = (visitor: Visitor, tenant: string, failure: Problem): Response => {
  const { existing } = failure.details
  const may_ = may(visitor, tenant, "get")
  const link: Part =
    existing !== undefined &&
    (may_
      ? html` The key is
          <a href="${to("key", { tenant, id: existing.id, owner: existing.owner })}"
            ><code>${foreign(existing.id)}</code></a
          >.`
      : html` The key is <code>${foreign(existing.id)}</code>.`)
  return show({
    ...framed(visitor, tenant),
    title: types[failure.name].title,
    status: types[failure.name].status,
    body: html`<div class="narrow">
      <h1>${failure.name === "conflict" ? "Already created" : types[failure.name].title}</h1>
      <div class="note warn" role="alert">
        <p>
          ${
            failure.name === "conflict"
              ? html`This form was sent before. No second key was made, and the secret is not shown again.${link}`
              : failure.detail
          }
        </p>
      </div>
      <p><a href="${to("keys", { tenant })}">On to the keys</a></p>
      <p class="small quiet">If the secret was lost, revoke that key and create another.</p>
    </div>`
  })
}

/** Failures that are about what became of the form, not about what stands in it. */
const settled: ReadonlySet<string> = new Set(["conflict", "operation-under-way", "outcome-unknown", "operation-reused"])

/** Creates a key from the form: once, however often the form is sent. */
export const create = Effect.fnUntraced(function* (visitor: Visitor): Effect.fn.Return<Response, Problem> {
  const form = yield* sealedForm(visitor)
  const tenant = form.get("tenant") ?? ""
  const written = writtenIn(form)
  const about = yield* backendFor(visitor, tenant, "create")
  const idempotencyKey = yield* idempotencyKeyOf(written.once)
  const created = yield* Effect.result(
    Effect.flatMap(specOf(written), (spec) =>
      asCaller(
        visitor,
        tenant,
        "create",
        creating.create(visitor.means, { spec, idempotencyKey, reason: reasonOf(written.reason) })
      )
    )
  )
  if (created._tag === "Success") return createdPage(visitor, tenant, created.success)
  const { failure } = created
  const answer = settled.has(failure.name)
    ? beforePage(visitor, tenant, failure)
    : formPage(visitor, tenant, about, written, failure)
  return HttpServerResponse.setHeaders(answer, failure.headers)
})
