/** The classes of findings as the command line spells them, and what they mean to those who read a report. */
import type { Class } from "@keyfold/lifecycle/Inventory"
import * as Effect from "effect/Effect"
import { type CommandError, usage } from "../failure.ts"

/** One class: its spelling, what it says about a key, and what to do. */
export interface About {
  readonly name: string
  readonly title: string
  readonly advice: string
  readonly level: "error" | "warning" | "note"
}

/** Every class, in the order of reports. */
export const about: { readonly [Name in Class]: About } = {
  expiring: {
    name: "expiring",
    title: "The key expires soon",
    advice: "Give its holder a new key before it stops working.",
    level: "warning"
  },
  overAge: {
    name: "over-age",
    title: "The key is old",
    advice: "Give its holder a new key, and revoke this one.",
    level: "warning"
  },
  unused: {
    name: "unused",
    title: "The key is not used",
    advice: "Ask its owner, and revoke it.",
    level: "warning"
  },
  unusedUnknown: {
    name: "unused-unknown",
    title: "Nobody knows whether the key is used",
    advice: "Ask its owner before revoking it: this is no proof that it is not used.",
    level: "note"
  },
  noOwner: {
    name: "no-owner",
    title: "The key has no owner",
    advice: "Find out who holds it, and create it anew with an owner.",
    level: "warning"
  },
  overScoped: {
    name: "over-scoped",
    title: "The key may do more than it should",
    advice: "Give its holder a key with the scopes it needs, and revoke this one.",
    level: "error"
  },
  duplicateName: {
    name: "duplicate-name",
    title: "Two active keys of a tenant have the same name",
    advice: "Find out which one is in use, and revoke the other.",
    level: "note"
  },
  unassigned: {
    name: "unassigned",
    title: "The key belongs to no tenant",
    advice: "Find out who made it: its tenant was never configured or is not any more, or it was not made by keyfold.",
    level: "warning"
  }
}

/** Every class. */
export const classes: ReadonlyArray<Class> = [
  "expiring",
  "overAge",
  "unused",
  "unusedUnknown",
  "noOwner",
  "overScoped",
  "duplicateName",
  "unassigned"
]

/** The spellings, for help and errors. */
export const spellings: string = classes.map((name) => about[name].name).join(", ")

/** Reads a flag that takes classes, separated by commas or given several times. */
export const readClasses = (
  flag: string,
  values: ReadonlyArray<string>
): Effect.Effect<ReadonlySet<Class>, CommandError> => {
  const written = values.flatMap((value) => value.split(",")).map((value) => value.trim())
  const unknown = written.find((value) => !classes.some((name) => about[name].name === value))
  return unknown === undefined
    ? Effect.succeed(new Set(classes.filter((name) => written.includes(about[name].name))))
    : Effect.fail(usage(`${flag} does not know "${unknown}".`, `It takes: ${spellings}.`))
}
