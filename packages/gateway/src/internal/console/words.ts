/** How the console says times, states and what is known about use. */
import type { ApiKey, KeyStatus } from "@keyfold/core/ApiKey"
import type { Bound, Capabilities } from "@keyfold/core/Capabilities"
import type { Class } from "@keyfold/lifecycle/Inventory"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import { html, type Html } from "./html.ts"

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour
const year = 365.25 * day

const counted = (count: number, unit: string): string => `${count} ${unit}${count === 1 ? "" : "s"}`

/** Says a length of time in one unit. */
export const roughly = (millis: number): string => {
  if (millis < minute) return "under a minute"
  if (millis < hour) return counted(Math.floor(millis / minute), "minute")
  if (millis < 2 * day) return counted(Math.floor(millis / hour), "hour")
  if (millis < 2 * year) return counted(Math.floor(millis / day), "day")
  return counted(Math.floor(millis / year), "year")
}

const units = [
  [day, "day"],
  [hour, "hour"],
  [minute, "minute"],
  [1000, "second"]
] as const

/** Says a length of time in all its units, from days to seconds. */
export const exactly = (millis: number): string => {
  const parts: Array<string> = []
  let rest = millis
  for (const [length, name] of units) {
    const count = Math.floor(rest / length)
    rest -= count * length
    if (count > 0) parts.push(counted(count, name))
  }
  return parts.length === 0 ? "no time" : parts.join(" ")
}

/** Says a time from now. */
export const fromNow = (at: number, now: number): string =>
  at > now ? `in ${roughly(at - now)}` : `${roughly(now - at)} ago`

/** Every page with a time says that it is in UTC. */
const stamp = (at: DateTime.Utc): string => DateTime.formatIso(at).slice(0, 16).replace("T", " ")

/** A time, with what it is from now on. */
export const time = (at: DateTime.Utc, said: string): Html =>
  html`${said} <time class="id" datetime="${DateTime.formatIso(at)}">${stamp(at)}</time>`

const tones = { active: "good", expired: "warn", revoked: "bad" } as const

/** A state, in a word. */
export const badge = (status: KeyStatus): Html => html`<span class="badge ${tones[status]}">${status}</span>`

/** How old a key is. */
export const age = ({ createdAt }: ApiKey, now: number): Html =>
  createdAt === undefined
    ? html`<span class="quiet">not told by this backend</span>`
    : time(createdAt, roughly(now - createdAt.epochMilliseconds))

/** When a key ends by itself. */
export const expiry = ({ expiresAt }: ApiKey, { expiry: can }: Pick<Capabilities, "expiry">, now: number): Html => {
  if (expiresAt !== undefined) return time(expiresAt, fromNow(expiresAt.epochMilliseconds, now))
  return can ? html`never` : html`<span class="quiet">never (keys of this backend do not end by themselves)</span>`
}

/** What the backend's knowledge of use is worth. */
export const evidence: { readonly [Usage in Capabilities["usage"]]: string } = {
  exact: "every use is counted",
  approximate: "counts that may lag or be sampled",
  lastUsedOnly: "only the time of the last use is kept",
  unknown: "not measured here"
}

/** When a key was last used, as far as that can be known. That none is known never says that there was none. */
export const lastUse = ({ lastUsedAt }: ApiKey, { usage }: Pick<Capabilities, "usage">, now: number): Html => {
  if (usage === "unknown" && lastUsedAt === undefined) return html`<span class="quiet">${evidence.unknown}</span>`
  const said =
    lastUsedAt === undefined ? html`none known` : time(lastUsedAt, fromNow(lastUsedAt.epochMilliseconds, now))
  return html`${said} <span class="id">${evidence[usage]}</span>`
}

/** Names a class of findings in a word or two. */
export const classes: { readonly [Name in Class]: string } = {
  expiring: "expires soon",
  overAge: "old",
  unused: "unused",
  unusedUnknown: "use not known",
  noOwner: "no owner",
  overScoped: "broad scopes",
  duplicateName: "same name",
  unassigned: "no tenant"
}

/** Says when a change has its effect. */
export const bound = ({ basis, within }: Bound): string => {
  const millis = Duration.toMillis(within)
  return millis === 0 ? "at once" : `within ${exactly(millis)} (${basis})`
}

/** Names a key for people. */
export const nameOf = ({ name }: ApiKey): string => (name === undefined || name.trim() === "" ? "unnamed key" : name)
