/** Rotations: how far each has got, and what whoever is signed in can decide. */
import * as Rotation from "@keyfold/lifecycle/Rotation"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import { make as problem, type Problem } from "../../Problem.ts"
import * as rotations from "../rotations/handlers.ts"
import type * as wire from "../rotations/wire.ts"
import { reasonOf } from "./form.ts"
import { foreign, html, type Html, type Part } from "./html.ts"
import { goTo, sealed, sheet, show, to } from "./page.ts"
import { asCaller, framed, may, sealedForm, tenantOf, type Response, type Visitor } from "./visit.ts"
import { exactly, fromNow, time } from "./words.ts"

type Shown = typeof wire.Rotation.Type

const perPage = 50

const readers = ["rotate", "list"] as const

const seen = (at: DateTime.Utc, now: number): Html => time(at, fromNow(at.epochMilliseconds, now))

const tones = { running: "", revocationPending: "warn", needsAttention: "warn", done: "good", undone: "bad" } as const

const words: { readonly [Status in Shown["status"]]: string } = {
  running: "under way",
  revocationPending: "revocation is tried again",
  needsAttention: "needs a decision",
  done: "done",
  undone: "taken back"
}

const wordOf = ({ awaiting, status }: Shown): string => (awaiting === "confirmation" ? "waits for you" : words[status])

const badge = (rotation: Shown): Html => html`<span class="badge ${tones[rotation.status]}">${wordOf(rotation)}</span>`

/** The way of a rotation that goes well, in the order of its steps. */
const steps: ReadonlyArray<readonly [Shown["step"], string]> = [
  ["plan", "Look at the old key"],
  ["mint", "Make the new key and hand it over"],
  ["holderCheck", "Ask whether its holder works with it"],
  ["overlap", "Both keys work"],
  ["revoke", "Revoke the old key"],
  ["confirm", "See whether it is refused"],
  ["end", "Done"]
]

const undoing: ReadonlyArray<readonly [Shown["step"], string]> = [
  ["undo", "Revoke what was made of the new key"],
  ["end", "The old key is as it was"]
]

const wayOf = ({ holderCheck, status, step }: Shown) => {
  if (step === "undo" || status === "undone") return undoing
  return steps.filter(([name]) => name !== "holderCheck" || holderCheck !== undefined)
}

/** How far a rotation got. */
const progress = (rotation: Shown): Html => {
  const way = wayOf(rotation)
  const at = way.findIndex(([name]) => name === rotation.step)
  const isOver = rotation.status === "done" || rotation.status === "undone"
  const stateOf = (index: number) => (isOver || index < at ? "past" : index === at ? "now" : "next")
  const saying = { past: "done", now: "now", next: "to come" } as const
  return html`<ol class="steps">
    ${way.map(([, said], index) => {
      const state = stateOf(index)
      return html`<li class="${state}" ${state === "now" && html`aria-current="step"`}>
        ${said} <span class="unseen">(${saying[state]})</span>
      </li>`
    })}
  </ol>`
}

const fact = (name: string, content: Part): Part =>
  content !== undefined &&
  html`<dt>${name}</dt>
    <dd>${content}</dd>`

const revocation = ({ revocation: report }: Shown): Part => {
  if (report === undefined) return undefined
  if (report.confirmed) return "its secret was seen refused"
  const within = report.boundMillis === undefined ? "" : ` within ${exactly(report.boundMillis)}`
  return `accepted; nobody saw its secret refused, which the backend does${within === "" ? "" : within}`
}

const keyLink = (visitor: Visitor, tenant: string, ref: Shown["key"] | undefined): Part => {
  if (ref === undefined) return html`<span class="quiet">not yet</span>`
  const id = html`<code>${foreign(ref.id)}</code>`
  return may(visitor, tenant, "get") ? html`<a href="${to("key", { tenant, ...ref })}">${id}</a>` : id
}

const facts = (visitor: Visitor, tenant: string, rotation: Shown, now: number): Html => {
  const { createdAt, deliver, dueAt, failure, overlapMillis, overlapUntil, retries, sink, stillUsed, verified } =
    rotation
  return html`<dl>
    ${fact("Old key", keyLink(visitor, tenant, rotation.key))}${fact(
      "New key",
      keyLink(visitor, tenant, rotation.newKey)
    )}${fact("State", badge(rotation))}${fact(
      "Secret",
      deliver === "response" ? "shown to who asked" : html`into the sink ${foreign(sink ?? "")}`
    )}${fact("New key seen to work", verified === undefined ? undefined : verified === "verified" ? "yes" : "not checked")}
    ${fact("Overlap", exactly(overlapMillis))}${fact(
      "Old key is revoked",
      overlapUntil && seen(overlapUntil, now)
    )}${fact("Revocation", revocation(rotation))}${stillUsed && fact("Old key", "was still in use shortly before")}
    ${retries > 0 && fact("Failures in a row", retries)}${fact("Goes on", dueAt && seen(dueAt, now))}${fact(
      "Begun",
      seen(createdAt, now)
    )}${fact("What went wrong", failure?.detail)}
  </dl>`
}

interface Decision {
  readonly action: string
  readonly title: string
  readonly said: string
  readonly isSure: boolean
  readonly isDangerous: boolean
}

const decision = (
  action: string,
  title: string,
  said: string,
  kind: "plain" | "sure" | "dangerous" = "plain"
): Decision => ({
  action,
  title,
  said,
  isSure: kind !== "plain",
  isDangerous: kind === "dangerous"
})

/** What can be decided where a rotation stands. */
const decisionsOf = ({ awaiting, newKey, status }: Shown): ReadonlyArray<Decision> => {
  if (status === "done" || status === "undone") return []
  const keepOld = decision(
    "keep-old",
    "Keep the old key",
    newKey === undefined ? "Ends the rotation." : "Revokes the new key and ends the rotation.",
    "dangerous"
  )
  const keepNew = decision("keep-new", "Keep the new key", "Revokes the old key and ends the rotation.", "dangerous")
  if (awaiting === "confirmation") {
    const confirm = "Its holder has the new secret: the overlap begins, and then the old key is revoked."
    return [decision("confirm", "The secret is in its place", confirm), keepOld]
  }
  if (awaiting === "decision") {
    const resume = "Goes on where its sink turns out to hold the new key."
    return [decision("resume", "Go on", resume), ...(newKey === undefined ? [] : [keepNew]), keepOld]
  }
  const abort = "Before the new key is handed over it is revoked; after that, both keys stay until you decide."
  return [decision("abort", "Stop the rotation", abort, "sure")]
}

const decisionForm = (
  visitor: Visitor,
  tenant: string,
  { id }: Shown,
  { action, isDangerous, isSure, said, title }: Decision
) =>
  html`<form method="post" action="/console/rotation" class="card">
    ${sealed(visitor.session)}<input type="hidden" name="tenant" value="${tenant}" /><input
      type="hidden"
      name="rotation"
      value="${id}"
    />
    <p id="${action}-said">${said}</p>
    ${
      isSure &&
      html`<div class="field">
        <label for="${action}-sure"
          ><input type="checkbox" id="${action}-sure" name="sure" value="yes" required />Yes,
          ${title.toLowerCase()}</label
        >
      </div>`
    }
    <button
      name="action"
      value="${action}"
      class="${isDangerous ? "danger" : isSure && "second"}"
      aria-describedby="${action}-said"
    >
      ${title}
    </button>
  </form>`

const decisions = (visitor: Visitor, tenant: string, rotation: Shown): Part => {
  const open = may(visitor, tenant, "rotate") ? decisionsOf(rotation) : []
  return (
    open.length > 0 &&
    html`<section aria-labelledby="decisions">
      <h2 id="decisions">Decide</h2>
      <div class="tiles">${open.map((one) => decisionForm(visitor, tenant, rotation, one))}</div>
    </section>`
  )
}

/** How often a page looks again, in milliseconds, while a rotation goes on by itself. */
const often = 2000

/** The page of one rotation. Where a browser runs the script, it follows what happens. */
export const rotation = Effect.fnUntraced(function* (visitor: Visitor): Effect.fn.Return<Response, Problem> {
  const tenant = tenantOf(visitor)
  const id = yield* idOf(visitor.query)
  const found = yield* asCaller(visitor, tenant, readers, rotations.show(visitor.means, id))
  const { epochMilliseconds: now } = yield* DateTime.now
  const isUnderWay = Rotation.isUnderWay(found.status)
  return show({
    ...framed(visitor, tenant),
    title: `Rotation of ${found.key.id}`,
    body: html`<h1>Rotation of <code>${foreign(found.key.id)}</code></h1>
      <p class="lead">One of the <a href="${to("rotations", { tenant })}">rotations of ${foreign(tenant)}</a></p>
      <p id="followed" class="unseen" role="status"></p>
      <div id="progress" data-says="${wordOf(found)}" ${isUnderWay && html`data-follow="${often}"`}>
        <section class="card" aria-label="Progress">${progress(found)}</section>
        <section class="card" aria-label="Facts">${facts(visitor, tenant, found, now)}</section>
        ${decisions(visitor, tenant, found)}
      </div>
      ${isUnderWay && html`<p><a href="${to("rotation", { tenant, rotation: id })}">Look again</a></p>`}`
  })
})

const unknown = problem("unknown-rotation", "No rotation with this id is visible to this tenant.")

const idOf = (fields: URLSearchParams): Effect.Effect<Rotation.RotationId, Problem> => {
  const id = fields.get("rotation") ?? ""
  return /^[\x21-\x7e]{1,100}$/.test(id) ? Effect.succeed(Rotation.RotationId.make(id)) : Effect.fail(unknown)
}

type Change = (
  means: Visitor["means"],
  about: Parameters<typeof rotations.resume>[1]
) => ReturnType<typeof rotations.resume>

interface Action {
  readonly carryOut: Change
  readonly isSure?: true
}

const actions: Readonly<Record<string, Action>> = {
  confirm: { carryOut: rotations.confirm },
  resume: { carryOut: rotations.resume },
  abort: { carryOut: rotations.abort, isSure: true },
  "keep-old": { carryOut: (means, about) => rotations.resolve(means, about, "old"), isSure: true },
  "keep-new": { carryOut: (means, about) => rotations.resolve(means, about, "new"), isSure: true }
}

/** Carries out what was decided about a rotation. */
export const decide = Effect.fnUntraced(function* (visitor: Visitor): Effect.fn.Return<Response, Problem> {
  const form = yield* sealedForm(visitor)
  const [tenant, name] = [form.get("tenant") ?? "", form.get("action") ?? ""]
  const id = yield* idOf(form)
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined
  if (action === undefined) return yield* problem("invalid-request", "The form does not say what was decided.")
  if (action.isSure === true && form.get("sure") !== "yes") {
    return yield* problem("invalid-request", "Nothing was changed. Confirm that you mean it.")
  }
  const reason = reasonOf((form.get("reason") ?? "").trim())
  yield* asCaller(visitor, tenant, "rotate", action.carryOut(visitor.means, { id, reason }))
  return goTo(to("rotation", { tenant, rotation: id }))
})

const row = (visitor: Visitor, tenant: string, found: Shown, now: number): Html => {
  const cell = (label: string, content: Part) => html`<td role="cell" data-label="${label}"><div>${content}</div></td>`
  const step = wayOf(found).find(([name]) => name === found.step)?.[1] ?? ""
  return html`<tr role="row">
    <th role="rowheader" scope="row">
      <a href="${to("rotation", { tenant, rotation: found.id })}"><code>${foreign(found.key.id)}</code></a>
    </th>
    ${cell("New key", keyLink(visitor, tenant, found.newKey))}${cell("State", badge(found))}${cell("Step", step)}${cell(
      "Begun",
      seen(found.createdAt, now)
    )}${cell("Old key is revoked", found.overlapUntil === undefined ? html`<span class="quiet">not set</span>` : seen(found.overlapUntil, now))}
  </tr> `
}

const heads = ["Old key", "New key", "State", "Step", "Begun", "Old key is revoked"]

const table = (visitor: Visitor, tenant: string, found: ReadonlyArray<Shown>, now: number): Html =>
  sheet(
    "Rotations, the newest first",
    heads,
    found.map((one) => row(visitor, tenant, one, now))
  )

/** The page of a tenant's rotations. */
export const all = Effect.fnUntraced(function* (visitor: Visitor): Effect.fn.Return<Response, Problem> {
  const tenant = tenantOf(visitor)
  const cursor = visitor.query.get("cursor") ?? ""
  const query = { limit: perPage, ...(cursor === "" ? {} : { cursor }) }
  const page = yield* asCaller(visitor, tenant, readers, rotations.list(visitor.means, query))
  const next = "next" in page ? page.next : undefined
  const { epochMilliseconds: now } = yield* DateTime.now
  return show({
    ...framed(visitor, tenant, "rotations"),
    title: `Rotations of ${tenant}`,
    body: html`<h1>Rotations of ${foreign(tenant)}</h1>
      <p class="lead">A rotation gives a key's holder a new key before the old one is revoked.</p>
      ${
        page.rotations.length === 0
          ? html`<div class="card"><p>No key of this tenant was rotated yet.</p></div>`
          : table(visitor, tenant, page.rotations, now)
      }
      ${next !== undefined && html`<a class="button second" href="${to("rotations", { tenant, cursor: next })}">Next page</a>`}`
  })
})
