/** The adapters that come with keyfold, loaded only where they are wanted. */
import type { AnyAdapter } from "@keyfold/config/AdapterLoader"

/** Loads each of them, by short name. */
export const carried: Readonly<Record<string, () => Promise<AnyAdapter>>> = {
  arthur: async () => (await import("@keyfold/arthur/Arthur")).adapter,
  occam: async () => (await import("@keyfold/occam/Occam")).adapter,
  sql: async () => (await import("@keyfold/sql/Sql")).adapter,
  whylabs: async () => (await import("@keyfold/whylabs/WhyLabs")).adapter
}

/** Shortens the name of one of our packages to that of its adapter. */
export const shortName = (name: string): string => name.replace(/^@keyfold\//, "")

/** Tells whether a name is that of an adapter that comes with keyfold. */
export const isCarried = (name: string): boolean => Object.hasOwn(carried, shortName(name))
