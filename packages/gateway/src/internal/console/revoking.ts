/** Revoking a key, once whoever asks has seen which one it is. */
import type { ApiKey, KeyRef } from "@keyfold/core/ApiKey"
import type { Capabilities } from "@keyfold/core/Capabilities"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type { Problem } from "../../Problem.ts"
import { withStore } from "../answering.ts"
import { revoke as revokeKey } from "../revoking.ts"
import { reasonOf } from "./form.ts"
import { foreign, html, type Part } from "./html.ts"
import { alert, goTo, sealed, show, to } from "./page.ts"
import { sealOf } from "./sessions.ts"
import { asCaller, backendFor, framed, keyOf, may, sealedForm, tenantOf, type Response, type Visitor } from "./visit.ts"
import { age, bound, lastUse, nameOf } from "./words.ts"

interface Meant {
  readonly tenant: string
  readonly ref: KeyRef
  /** What is known of the key, where its caller may see it. */
  readonly found: ApiKey | undefined
  readonly backend: string
  readonly capabilities: Capabilities
}

/** Finds the key that is meant. */
const meantBy = Effect.fnUntraced(function* (
  visitor: Visitor,
  tenant: string,
  ref: KeyRef
): Effect.fn.Return<Meant, Problem> {
  const { means } = visitor
  const about = yield* backendFor(visitor, tenant, "revoke")
  const found = may(visitor, tenant, "get", about.capabilities)
    ? yield* asCaller(
        visitor,
        tenant,
        "get",
        withStore(means.backends, (store) => store.get(ref))
      )
    : undefined
  return { tenant, ref, found, ...about }
})

const facts = ({ capabilities, found, ref }: Meant, now: number): Part =>
  html`<dl>
    <dt>Key</dt>
    <dd>${found !== undefined && html`<strong>${foreign(nameOf(found))}</strong> `}<code>${foreign(ref.id)}</code></dd>
    ${
      found !== undefined &&
      html`${
          found.owner !== undefined &&
          html`<dt>Owner</dt>
            <dd>${foreign(found.owner)}</dd>`
        }
        <dt>Age</dt>
        <dd>${age(found, now)}</dd>
        <dt>Last use</dt>
        <dd>${lastUse(found, capabilities, now)}</dd>`
    }
  </dl>`

const page = (visitor: Visitor, meant: Meant, now: number, failure?: Part): Response => {
  const { capabilities, ref, tenant } = meant
  return show({
    ...framed(visitor, tenant),
    title: `Revoke a key of ${tenant}`,
    status: failure === undefined ? 200 : 400,
    body: html`<div class="narrow">
      <h1>Revoke this key?</h1>
      <p class="lead">It is a key of ${foreign(tenant)} on ${foreign(meant.backend)}.</p>
      ${failure}
      <div class="card">${facts(meant, now)}</div>
      <div class="note bad">
        <p>This cannot be undone. Whoever uses the secret is refused ${bound(capabilities.revocationLag)}.</p>
      </div>
      <form method="post" action="/console/revoke">
        ${sealed(visitor.session)} <input type="hidden" name="tenant" value="${tenant}" /><input
          type="hidden"
          name="id"
          value="${ref.id}"
        />${ref.owner !== undefined && html`<input type="hidden" name="owner" value="${ref.owner}" />`}
        <div class="field">
          <label for="reason">Reason</label><span class="hint" id="reason-hint">For the audit; may stay empty.</span>
          <input id="reason" name="reason" autocomplete="off" maxlength="500" aria-describedby="reason-hint" />
        </div>
        <div class="field">
          <label for="sure"
            ><input type="checkbox" id="sure" name="sure" value="yes" required />Yes, revoke key
            <code>${foreign(ref.id)}</code></label
          >
        </div>
        <div class="row">
          <button class="danger">Revoke the key</button><a href="${to("keys", { tenant })}">Cancel</a>
        </div>
      </form>
    </div>`
  })
}

/** Asks whether a key is to be revoked. */
export const ask = Effect.fnUntraced(function* (visitor: Visitor): Effect.fn.Return<Response, Problem> {
  const meant = yield* meantBy(visitor, tenantOf(visitor), yield* keyOf(visitor.query))
  const now = yield* DateTime.now
  return page(visitor, meant, now.epochMilliseconds)
})

const unsure = alert("Nothing was revoked", html`<p>Confirm that you mean this key.</p>`)

/** Revokes a key that was confirmed. */
export const revoke = Effect.fnUntraced(function* (visitor: Visitor): Effect.fn.Return<Response, Problem> {
  const form = yield* sealedForm(visitor)
  const [tenant, ref] = [form.get("tenant") ?? "", yield* keyOf(form)]
  if (form.get("sure") !== "yes") {
    const now = yield* DateTime.now
    return page(visitor, yield* meantBy(visitor, tenant, ref), now.epochMilliseconds, unsure)
  }
  const reason = reasonOf((form.get("reason") ?? "").trim())
  const { id } = yield* asCaller(visitor, tenant, "revoke", revokeKey(visitor.means, ref, reason))
  if (!may(visitor, tenant, "list")) return yield* revokedUnseen(visitor, tenant)
  return goTo(to("keys", { tenant, revoked: id, seal: sealOf(visitor.session, `revoked ${tenant} ${id}`) }))
})

/** For who may revoke but not look. */
const revokedUnseen = (visitor: Visitor, tenant: string): Effect.Effect<Response, Problem> =>
  Effect.succeed(
    show({
      ...framed(visitor, tenant),
      title: `Key of ${tenant} revoked`,
      body: html`<h1>Revoked</h1>
        <p>The key is revoked.</p>
        <p><a href="/">Back to the tenants</a></p>`
    })
  )
