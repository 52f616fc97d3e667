/** Times as effect makes them, for lists with hundreds of thousands of them. */
import * as DateTime from "effect/DateTime"

/** What effect has in its own values: the time, and a hidden place where the calendar's parts are kept once asked for. */
const known = "epochMilliseconds,partsUtc"

const sample = DateTime.makeUnsafe(0)

function Utc(this: { epochMilliseconds: number }, epochMilliseconds: number): void {
  this.epochMilliseconds = epochMilliseconds
}
Utc.prototype = Object.getPrototypeOf(sample)

const construct = Utc as unknown as new (epochMilliseconds: number) => DateTime.Utc

/**
 * Makes the value of a time that a Date can hold.
 *
 * effect describes the hidden place anew for each value, which takes longer than all else that is done with one. Here it
 * comes with the first look at a calendar. An effect whose values are others makes them itself.
 */
export const utc: (epochMilliseconds: number) => DateTime.Utc =
  Object.getOwnPropertyNames(sample).join() === known
    ? (epochMilliseconds) => new construct(epochMilliseconds)
    : DateTime.makeUnsafe
