/** The commands, each loaded where a line of arguments needs it. */
import * as Effect from "effect/Effect"

const loaders = {
  init: async () => (await import("./commands/init.ts")).init,
  config: async () => (await import("./commands/config.ts")).config,
  stores: async () => (await import("./commands/stores.ts")).stores,
  capabilities: async () => (await import("./commands/capabilities.ts")).capabilities,
  create: async () => (await import("./commands/create.ts")).create,
  list: async () => (await import("./commands/list.ts")).list,
  get: async () => (await import("./commands/get.ts")).get,
  revoke: async () => (await import("./commands/revoke.ts")).revoke,
  rotate: async () => (await import("./commands/rotate.ts")).rotate,
  rotations: async () => (await import("./commands/rotations.ts")).rotations,
  usage: async () => (await import("./commands/usage.ts")).usage,
  verify: async () => (await import("./commands/verify.ts")).verify,
  inventory: async () => (await import("./commands/inventory.ts")).inventory,
  doctor: async () => (await import("./commands/doctor.ts")).doctor,
  journal: async () => (await import("./commands/journal.ts")).journal,
  recover: async () => (await import("./commands/recover.ts")).recover,
  sweep: async () => (await import("./commands/sweep.ts")).sweep,
  serve: async () => (await import("./commands/serve.ts")).serve,
  gateway: async () => (await import("./commands/gateway.ts")).gateway,
  emulate: async () => (await import("./commands/emulate.ts")).emulate,
  tour: async () => (await import("./commands/tour.ts")).tour
}

type Name = keyof typeof loaders

const names = Object.keys(loaders).filter((name): name is Name => Object.hasOwn(loaders, name))

/** A completion script names every command, wherever its flag stands. */
const isAboutAll = (argument: string): boolean => argument.startsWith("--completions")

/** Names the commands that a line of arguments can mean: the one it begins with, else any of them, as its help shows. */
export const namesFor = ([first, ...others]: ReadonlyArray<string>): ReadonlyArray<Name> => {
  const named = names.filter((name) => name === first)
  return named.length === 0 || others.some(isAboutAll) ? names : named
}

/** Loads the commands that a line of arguments can mean. */
export const commandsFor = (args: ReadonlyArray<string>) =>
  Effect.promise(() => Promise.all(namesFor(args).map((name) => loaders[name]())))
