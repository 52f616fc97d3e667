/** Rotating a key: a form that counts once, and the page that shows the new secret where whoever asks is to have it. */
import type { KeyRef } from "@keyfold/core/ApiKey"
import type { Capabilities } from "@keyfold/core/Capabilities"
import { supports } from "@keyfold/core/Capabilities"
import * as Effect from "effect/Effect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { make as problem, types, type Problem } from "../../Problem.ts"
import * as rotations from "../rotations/handlers.ts"
import * as wire from "../rotations/wire.ts"
import { bodyReader, idempotencyKeyOf, input, newOnce, reasonField, reasonOf, secretField, type Field } from "./form.ts"
import { foreign, html, type Html, type Part } from "./html.ts"
import { goTo, said, sealed, show, to } from "./page.ts"
import { asCaller, backendFor, framed, keyOf, may, sealedForm, tenantOf, type Response, type Visitor } from "./visit.ts"

/** Whether whoever is signed in may rotate keys of a tenant whose backend can. */
export const mayRotate = (visitor: Visitor, tenant: string, capabilities: Capabilities): boolean =>
  visitor.means.rotations !== undefined &&
  may(visitor, tenant, "rotate") &&
  supports(capabilities, "create") &&
  supports(capabilities, "revoke")

/** What was written into the form. */
interface Written {
  readonly once: string
  readonly deliver: string
  readonly sink: string
  readonly hours: string
  readonly reason: string
}

const blank = (deliver: string): Written => ({
  once: newOnce(),
  deliver,
  sink: "",
  hours: "",
  reason: ""
})

const writtenIn = (form: URLSearchParams): Written => {
  const of = (name: string) => (form.get(name) ?? "").trim()
  return { once: of("once"), deliver: of("deliver"), sink: of("sink"), hours: of("hours"), reason: of("reason") }
}

const choice = (value: string, chosen: string, label: string, hint: string): Html =>
  html`<div class="field">
    <label for="to-${value}"
      ><input
        type="radio"
        id="to-${value}"
        name="deliver"
        value="${value}"
        aria-describedby="to-${value}-hint"
        ${value === chosen && html`checked`}
      />${label}</label
    >
    <span class="hint" id="to-${value}-hint">${hint}</span>
  </div>`

const choices = (visitor: Visitor, tenant: string, { deliver }: Written): Part =>
  html`<fieldset>
    <legend>Where does the new secret go?</legend>
    ${
      may(visitor, tenant, "create") &&
      choice(
        "response",
        deliver,
        "Show it to me, once",
        "Both keys work until you have put it in its place and say so on the next page."
      )
    }
    ${choice("sink", deliver, "Into a sink of the gateway", "One that holds this very key. The rest goes on by itself.")}
  </fieldset>`

const fields: ReadonlyArray<Field<"sink" | "hours" | "reason">> = [
  {
    name: "sink",
    pointer: "/sink",
    label: "Sink",
    hint: "Its name in the configuration, for a secret that goes there; the schedule's where it is empty."
  },
  {
    name: "hours",
    pointer: "/overlapMillis",
    label: "Overlap in hours",
    hint: "How long both keys work after that; the schedule's where it is empty, else 24.",
    type: "number"
  },
  reasonField
]

interface About {
  readonly tenant: string
  readonly ref: KeyRef
  readonly backend: string
}

const formPage = (visitor: Visitor, about: About, written: Written, failure?: Problem): Response => {
  const { backend, ref, tenant } = about
  return show({
    ...framed(visitor, tenant),
    title: `Rotate a key of ${tenant}`,
    status: failure === undefined ? 200 : types[failure.name].status,
    body: html`<div class="narrow">
      <h1>Rotate this key</h1>
      <p class="lead">
        A new key takes the place of <code>${foreign(ref.id)}</code> of ${foreign(tenant)} on ${foreign(backend)}. The
        old one works until the overlap is over.
      </p>
      ${failure !== undefined && said(failure)}
      <form method="post" action="/console/rotate" class="card">
        ${sealed(visitor.session)}<input type="hidden" name="once" value="${written.once}" /><input
          type="hidden"
          name="tenant"
          value="${tenant}"
        /><input type="hidden" name="id" value="${ref.id}" />${
          ref.owner !== undefined && html`<input type="hidden" name="owner" value="${ref.owner}" />`
        }
        ${choices(visitor, tenant, written)}${fields.map((field) => input(field, written, failure))}
        <div class="row"><button>Rotate the key</button><a href="${to("keys", { tenant })}">Cancel</a></div>
      </form>
    </div>`
  })
}

const unconfigured = problem("unconfigured", "This gateway rotates no keys: its configuration has no rotations.")

const aboutKey = Effect.fnUntraced(function* (
  visitor: Visitor,
  tenant: string,
  ref: KeyRef
): Effect.fn.Return<About, Problem> {
  const { backend } = yield* backendFor(visitor, tenant, "rotate")
  return visitor.means.rotations === undefined ? yield* unconfigured : { tenant, ref, backend }
})

/** The form. */
export const ask = Effect.fnUntraced(function* (visitor: Visitor): Effect.fn.Return<Response, Problem> {
  const tenant = tenantOf(visitor)
  const about = yield* aboutKey(visitor, tenant, yield* keyOf(visitor.query))
  return formPage(visitor, about, blank(may(visitor, tenant, "create") ? "response" : "sink"))
})

const decode = bodyReader(wire.NewRotation)

const hour = 3_600_000

const bodyOf = ({ deliver, hours, sink }: Written): Effect.Effect<typeof wire.NewRotation.Type, Problem> =>
  decode({
    deliver,
    ...(sink === "" || deliver === "response" ? {} : { sink }),
    ...(hours === "" ? {} : { overlapMillis: Math.round(Number(hours) * hour) })
  })

type Issued = NonNullable<Effect.Success<ReturnType<typeof rotations.start>>["issued"]>

const issuedPage = (visitor: Visitor, { ref, tenant }: About, rotation: string, { key, secret }: Issued): Response =>
  show({
    ...framed(visitor, tenant),
    title: `New key for ${tenant}`,
    status: 201,
    body: html`<div class="narrow">
      <h1>The new key</h1>
      <p class="lead">
        <code>${foreign(key.id)}</code> is to take the place of <code>${foreign(ref.id)}</code> of ${foreign(tenant)}.
      </p>
      <div class="note warn" role="status" id="secret-hint">
        <p>
          <strong>This is its secret, shown this once.</strong> Put it where its holder reads it, then say so. Until you
          do, both keys work.
        </p>
      </div>
      <div class="card">${secretField(secret)}</div>
      <form method="post" action="/console/rotation">
        ${sealed(visitor.session)}<input type="hidden" name="tenant" value="${tenant}" /><input
          type="hidden"
          name="rotation"
          value="${rotation}"
        />
        <div class="row">
          <button name="action" value="confirm">The secret is in its place</button>
          <a href="${to("rotation", { tenant, rotation })}">Not yet: look at the rotation</a>
        </div>
      </form>
    </div>`
  })

/** Says that this form, or another, has begun a rotation of the key. The secret is not shown again. */
const beforePage = (visitor: Visitor, { tenant }: About, failure: Problem): Response => {
  const { rotationId } = failure.details
  return show({
    ...framed(visitor, tenant),
    title: types[failure.name].title,
    status: types[failure.name].status,
    body: html`<div class="narrow">
      <h1>${failure.name === "conflict" ? "Already begun" : types[failure.name].title}</h1>
      <div class="note warn" role="alert">
        <p>${failure.detail}</p>
        ${
          rotationId !== undefined &&
          html`<p><a href="${to("rotation", { tenant, rotation: rotationId })}">Look at the rotation</a></p>`
        }
      </div>
      <p><a href="${to("keys", { tenant })}">On to the keys</a></p>
    </div>`
  })
}

const settled: ReadonlySet<string> = new Set(["conflict", "operation-reused", "operation-under-way", "rotation-undone"])

/** Begins a rotation from the form: once, however often the form is sent. */
export const rotate = Effect.fnUntraced(function* (visitor: Visitor): Effect.fn.Return<Response, Problem> {
  const form = yield* sealedForm(visitor)
  const [tenant, written] = [form.get("tenant") ?? "", writtenIn(form)]
  const about = yield* aboutKey(visitor, tenant, yield* keyOf(form))
  const idempotencyKey = yield* idempotencyKeyOf(written.once)
  const begun = yield* Effect.result(
    Effect.flatMap(bodyOf(written), (body) =>
      asCaller(
        visitor,
        tenant,
        "rotate",
        rotations.start(visitor.means, { ref: about.ref, body, idempotencyKey, reason: reasonOf(written.reason) })
      )
    )
  )
  if (begun._tag === "Success") {
    const { issued, record } = begun.success
    if (issued === undefined) return goTo(to("rotation", { tenant, rotation: record.id }))
    return issuedPage(visitor, about, record.id, issued)
  }
  const { failure } = begun
  const answer = settled.has(failure.name)
    ? beforePage(visitor, about, failure)
    : formPage(visitor, about, written, failure)
  return HttpServerResponse.setHeaders(answer, failure.headers)
})
