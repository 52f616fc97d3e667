/** The keys of a tenant, a page at a time. */
import type { ApiKey, KeyStatus } from "@keyfold/core/ApiKey"
import type { Capabilities } from "@keyfold/core/Capabilities"
import type { Page } from "@keyfold/core/KeyList"
import * as Inventory from "@keyfold/lifecycle/Inventory"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Problem } from "../../Problem.ts"
import { withStore } from "../answering.ts"
import { foreign, html, type Html, type Part } from "./html.ts"
import { sheet, show, to } from "./page.ts"
import { mayRotate } from "./rotating.ts"
import { isSealed } from "./sessions.ts"
import { asCaller, framed, may, tenantOf, type Response, type Visitor } from "./visit.ts"
import { age, badge, bound, classes, exactly, expiry, lastUse, nameOf } from "./words.ts"

const perPage = 50

/** The states that can be asked for, by the word in the address. Without one, keys are shown that were not revoked. */
const states: Readonly<Record<string, { readonly said: string; readonly status?: ReadonlyArray<KeyStatus> }>> = {
  "": { said: "not revoked" },
  active: { said: "active", status: ["active"] },
  expired: { said: "expired", status: ["expired"] },
  revoked: { said: "revoked", status: ["revoked"] },
  all: { said: "all", status: ["active", "expired", "revoked"] }
}

interface Asked {
  readonly tenant: string
  readonly owner: string
  readonly state: string
  readonly cursor: string
}

const askedOf = (visitor: Visitor): Asked => {
  const state = visitor.query.get("status") ?? ""
  return {
    tenant: tenantOf(visitor),
    owner: visitor.query.get("owner") ?? "",
    state: Object.hasOwn(states, state) ? state : "",
    cursor: visitor.query.get("cursor") ?? ""
  }
}

const filters = ({ owner, state, tenant }: Asked, { owners }: Capabilities): Html =>
  html`<form action="/console/keys" method="get" class="filters" role="search" aria-label="Filter the keys">
    <input type="hidden" name="tenant" value="${tenant}" />
    ${
      owners !== "unsupported" &&
      html`<div class="field">
        <label for="owner">Owner</label>
        <input id="owner" name="owner" value="${owner}" autocapitalize="off" spellcheck="false" />
      </div>`
    }
    <div class="field">
      <label for="status">State</label
      ><select id="status" name="status">
        ${Object.entries(states).map(
          ([name, { said }]) => html`<option value="${name}" ${name === state && html` selected`}>${said}</option>`
        )}
      </select>
    </div>
    <button class="second">Show</button>
  </form>`

/** The findings of one key, each with what it is known by. */
export const findings = (found: ReadonlyArray<Inventory.Finding>): Part =>
  found.length === 0
    ? html`<span class="quiet">nothing</span>`
    : html`<ul class="plainlist">
        ${found.map(
          ({ class: name, evidence }) =>
            html`<li><span class="badge warn">${classes[name]}</span> <span class="id">${foreign(evidence)}</span></li>`
        )}
      </ul>`

/** What can be done to a key, as links. */
export const actions = (
  visitor: Visitor,
  tenant: string,
  key: ApiKey,
  capabilities: Capabilities
): ReadonlyArray<Part> => {
  const about = { tenant, id: key.id, owner: key.owner }
  const link = (place: "rotate" | "revoke", word: string) =>
    html`<a href="${to(place, about)}">${word}<span class="unseen"> ${foreign(nameOf(key))}</span></a>`
  return [
    ...(key.status === "active" && mayRotate(visitor, tenant, capabilities) ? [link("rotate", "Rotate")] : []),
    ...(key.status !== "revoked" && may(visitor, tenant, "revoke", capabilities) ? [link("revoke", "Revoke")] : [])
  ]
}

type Shown = Pick<Page, "keys"> & {
  readonly capabilities: Capabilities
  readonly judge: (key: ApiKey) => ReadonlyArray<Inventory.Finding>
  readonly now: number
}

const row = (visitor: Visitor, tenant: string, key: ApiKey, { capabilities, judge, now }: Shown): Html => {
  const name = foreign(nameOf(key))
  const link = to("key", { tenant, id: key.id, owner: key.owner })
  const cell = (label: string, content: Part) => html`<td role="cell" data-label="${label}"><div>${content}</div></td>`
  const done = actions(visitor, tenant, key, capabilities)
  return html`<tr role="row">
    <th role="rowheader" scope="row">
      ${may(visitor, tenant, "get", capabilities) ? html`<a href="${link}">${name}</a>` : name}
      <span class="id mono">${foreign(key.id)}</span>
    </th>
    ${capabilities.owners !== "unsupported" && cell("Owner", key.owner === undefined ? html`<span class="quiet">nobody</span>` : foreign(key.owner))}
    ${cell("State", badge(key.status))} ${cell("Age", age(key, now))} ${cell("Expires", expiry(key, capabilities, now))}
    ${cell("Last use", lastUse(key, capabilities, now))} ${cell("Findings", findings(judge(key)))}
    ${cell("Actions", done.length === 0 ? html`<span class="quiet">none</span>` : html`<div class="row">${done}</div>`)}
  </tr> `
}

const table = (visitor: Visitor, { state, tenant }: Asked, shown: Shown): Html => {
  const heads = [
    "Key",
    ...(shown.capabilities.owners === "unsupported" ? [] : ["Owner"]),
    ..."State,Age,Expires,Last use,Findings,Actions".split(",")
  ]
  const count = shown.keys.length
  return sheet(
    html`${count} ${count === 1 ? "key" : "keys"} on this page, state: ${states[state]?.said}`,
    heads,
    shown.keys.map((key) => row(visitor, tenant, key, shown))
  )
}

/** How complete a page is, where there is something to say. */
const completeness = ({ completeness: { hidden, lag } }: Page): Part => {
  const said = [
    ...(hidden.length === 0 ? [] : [`This backend does not list keys that are ${hidden.join(" or ")}.`]),
    ...(Duration.toMillis(lag) === 0 ? [] : [`Changes may take ${exactly(Duration.toMillis(lag))} to show here.`])
  ]
  return said.length > 0 && html`<p class="quiet small">${said.join(" ")}</p>`
}

const pages = ({ cursor, owner, state, tenant }: Asked, { next }: Page): Part => {
  const about = { tenant, owner, status: state }
  return (
    (next !== undefined || cursor !== "") &&
    html`<nav aria-label="Pages" class="row">
      ${
        cursor !== "" && html`<a class="button second" href="${to("keys", about)}">First page</a>`
      }${next !== undefined && html`<a class="button second" href="${to("keys", { ...about, cursor: next })}">Next page</a>`}
    </nav>`
  )
}

/** What was just done, where the notice is of the console's own making. */
const notice = ({ query, session }: Visitor, tenant: string, { revocationLag }: Capabilities): Part => {
  const [id, seal] = [query.get("revoked") ?? "", query.get("seal") ?? ""]
  return (
    id !== "" &&
    isSealed(session, `revoked ${tenant} ${id}`, seal) &&
    html`<div class="note good" role="status">
      <p>Key <code>${foreign(id)}</code> is revoked. Its secret stops working ${bound(revocationLag)}.</p>
    </div>`
  )
}

const empty = ({ owner, state }: Asked): Html =>
  html`<div class="card">
    <p>${owner === "" && state === "" ? "This tenant has no keys yet." : "No key is as you asked."}</p>
  </div>`

/** Reads what was asked for. */
const read = (visitor: Visitor, { cursor, owner, state, tenant }: Asked) => {
  const status = states[state]?.status
  const query = {
    limit: perPage,
    ...(owner === "" ? {} : { owner }),
    ...(status === undefined ? {} : { status }),
    ...(cursor === "" ? {} : { cursor })
  }
  const reading = withStore(visitor.means.backends, (store) =>
    Effect.map(store.listPage(query), (page) => ({ page, backend: store.backend, capabilities: store.capabilities }))
  )
  return asCaller(visitor, tenant, "list", reading)
}

const heading = (visitor: Visitor, tenant: string, backend: string, capabilities: Capabilities): Html =>
  html`<div class="head">
    <div>
      <h1>Keys of ${foreign(tenant)}</h1>
      <p class="lead">Backend: ${foreign(backend)}</p>
    </div>
    ${
      may(visitor, tenant, "create", capabilities) &&
      html`<a class="button" href="${to("new", { tenant })}">Create a key</a>`
    }
  </div>`

/** The page of a tenant's keys. */
export const keys = Effect.fnUntraced(function* (visitor: Visitor): Effect.fn.Return<Response, Problem> {
  const asked = askedOf(visitor)
  const { tenant } = asked
  const { backend, capabilities, page } = yield* read(visitor, asked)
  const now = yield* DateTime.now
  const judge = Inventory.findingsOf({ backend, capabilities }, {}, now)
  const shown = { keys: page.keys, capabilities, judge, now: now.epochMilliseconds }
  return show({
    ...framed(visitor, tenant, "keys"),
    title: `Keys of ${tenant}`,
    body: html`${heading(visitor, tenant, backend, capabilities)}${notice(visitor, tenant, capabilities)}${filters(asked, capabilities)}
    ${page.keys.length === 0 ? empty(asked) : table(visitor, asked, shown)}${completeness(page)}${pages(asked, page)}`
  })
})
