/** The tenants of whoever is signed in. */
import * as Effect from "effect/Effect"
import type { Problem } from "../../Problem.ts"
import { fromConfiguration } from "../problems.ts"
import { visible } from "../visibleTenants.ts"
import { foreign, html, type Part } from "./html.ts"
import { show, to } from "./page.ts"
import { may, type Response, type Visitor } from "./visit.ts"

const tile = (visitor: Visitor, tenant: string, backend: string): Part => {
  const place = may(visitor, tenant, "list") ? "keys" : may(visitor, tenant, "create") ? "new" : undefined
  const name = place === undefined ? foreign(tenant) : html`<a href="${to(place, { tenant })}">${foreign(tenant)}</a>`
  return html`<li class="card">
    ${name}
    <p class="quiet small">on ${foreign(backend)}</p>
  </li>`
}

const opener = html`<form action="/console/keys" method="get" class="filters">
  <div class="field">
    <label for="tenant">Another tenant</label>
    <input id="tenant" name="tenant" required autocapitalize="off" spellcheck="false" />
  </div>
  <button class="second">Open</button>
</form>`

const none = html`<div class="note warn"><p>No tenant of this gateway is visible to your key.</p></div>`

/** The page of the tenants. */
export const tenants = Effect.fnUntraced(function* (visitor: Visitor): Effect.fn.Return<Response, Problem> {
  const { caller, means, session } = visitor
  const sources = yield* Effect.mapError(Effect.scoped(means.backends.sources), fromConfiguration)
  const found = visible(sources, caller.grants)
  const isPatterned = sources.some(({ tenants: names }) => names.some((name) => name.includes("*")))
  return show({
    title: "Tenants",
    session,
    body: html`<h1>Tenants</h1>
      <p class="lead">Whose keys do you want to see?</p>
      ${
        found.length === 0
          ? none
          : html`<ul class="tiles">
              ${found.map(({ backend, tenant }) => tile(visitor, tenant, backend))}
            </ul>`
      }
      ${isPatterned && opener}`
  })
})
