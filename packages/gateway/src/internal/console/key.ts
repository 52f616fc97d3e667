/** One key: what is known of it, what that is worth, and what can be done. */
import type { ApiKey } from "@keyfold/core/ApiKey"
import type { Capabilities } from "@keyfold/core/Capabilities"
import type { KeyUsage } from "@keyfold/core/KeyUsage"
import * as Inventory from "@keyfold/lifecycle/Inventory"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type { Problem } from "../../Problem.ts"
import { withStore } from "../answering.ts"
import { foreign, html, type Html, type Part } from "./html.ts"
import { actions, findings } from "./keys.ts"
import { show, to } from "./page.ts"
import { asCaller, framed, keyOf, may, tenantOf, type Response, type Visitor } from "./visit.ts"
import { age, badge, bound, evidence, expiry, fromNow, lastUse, nameOf, time } from "./words.ts"

const fact = (name: string, content: Part): Html =>
  html`<dt>${name}</dt>
    <dd>${content}</dd>`

const nothing = (said: string): Html => html`<span class="quiet">${said}</span>`

const scopes = ({ scopes: names }: ApiKey, { scopes: can }: Capabilities): Part => {
  if (!can) return nothing("keys of this backend have none")
  return names.length === 0 ? nothing("none") : names.map((name) => html`<code>${foreign(name)}</code> `)
}

const facts = (key: ApiKey, capabilities: Capabilities, now: number): Html => {
  const { hint, id, owner, revokedAt, status, tags } = key
  return html`<dl>
    ${fact("Id", html`<code>${foreign(id)}</code>`)}
    ${hint !== undefined && fact("Hint", html`<code>${foreign(hint)}</code>`)} ${fact("State", badge(status))}
    ${revokedAt !== undefined && fact("Revoked", time(revokedAt, fromNow(revokedAt.epochMilliseconds, now)))}
    ${capabilities.owners !== "unsupported" && fact("Owner", owner === undefined ? nothing("nobody") : foreign(owner))}
    ${fact("Scopes", scopes(key, capabilities))} ${fact("Age", age(key, now))}
    ${fact("Expires", expiry(key, capabilities, now))} ${fact("Last use", lastUse(key, capabilities, now))}
    ${Object.entries(tags).map(([name, value]) => fact(`Tag ${name}`, foreign(value)))}
  </dl>`
}

const counts = ({
  completedRequests,
  failedRequests,
  requestsPerDay,
  successfulRequests
}: KeyUsage): ReadonlyArray<Html> =>
  (
    [
      ["Requests", completedRequests],
      ["Successful", successfulRequests],
      ["Failed", failedRequests],
      ["Requests a day", requestsPerDay]
    ] as const
  ).flatMap(([name, count]) => (count === undefined ? [] : [fact(name, count)]))

/** What is known of the use of a key. What is not counted is not zero. */
const use = (usage: KeyUsage | undefined, { usage: precision }: Capabilities): Html => {
  if (usage === undefined)
    return html`<p>${precision === "unknown" ? `Use is ${evidence.unknown}.` : `Evidence: ${evidence[precision]}.`}</p>`
  const found = counts(usage)
  return html`<p class="quiet small">Evidence: ${evidence[usage.precision]}.</p>
    ${found.length === 0 ? html`<p>No counts are known.</p>` : html`<dl>${found}</dl>`}`
}

const section = (id: string, title: string, content: Part): Html =>
  html`<section aria-labelledby="${id}">
    <h2 id="${id}">${title}</h2>
    ${content}
  </section>`

const actionSection = (visitor: Visitor, tenant: string, key: ApiKey, capabilities: Capabilities): Part => {
  const done = actions(visitor, tenant, key, capabilities)
  return (
    done.length > 0 &&
    section(
      "actions",
      "Actions",
      html`<div class="row">${done}</div>
        <p class="quiet small">A revoked secret stops working ${bound(capabilities.revocationLag)}.</p>`
    )
  )
}

/** Reads the use of a key, where whoever is signed in may and the backend tells. */
const useSection = Effect.fnUntraced(function* (
  visitor: Visitor,
  tenant: string,
  key: ApiKey,
  capabilities: Capabilities
): Effect.fn.Return<Part> {
  if (!may(visitor, tenant, "usage", capabilities)) return section("use", "Use", use(undefined, capabilities))
  const reading = withStore(visitor.means.backends, (store) => store.usage(key))
  const usage = yield* Effect.option(asCaller(visitor, tenant, "usage", reading))
  const said = usage._tag === "None" ? html`<p>Use cannot be read at the moment.</p>` : use(usage.value, capabilities)
  return section("use", "Use", said)
})

/** The page of one key. */
export const key = Effect.fnUntraced(function* (visitor: Visitor): Effect.fn.Return<Response, Problem> {
  const tenant = tenantOf(visitor)
  const ref = yield* keyOf(visitor.query)
  const reading = withStore(visitor.means.backends, (store) =>
    Effect.map(store.get(ref), (found) => ({ found, backend: store.backend, capabilities: store.capabilities }))
  )
  const { backend, capabilities, found } = yield* asCaller(visitor, tenant, "get", reading)
  const used = yield* useSection(visitor, tenant, found, capabilities)
  const now = yield* DateTime.now
  const judged = Inventory.findingsOf({ backend, capabilities }, {}, now)(found)
  return show({
    ...framed(visitor, tenant),
    title: `${nameOf(found)} of ${tenant}`,
    body: html`<h1>${foreign(nameOf(found))}</h1>
      <p class="lead">A key of <a href="${to("keys", { tenant })}">${foreign(tenant)}</a> on ${foreign(backend)}</p>
      <div class="card">${facts(found, capabilities, now.epochMilliseconds)}</div>
      ${used}${section("findings", "Findings", findings(judged))}${actionSection(visitor, tenant, found, capabilities)}`
  })
})
