/** Programs that tell whether a new key works: the probes and the holders' checks of the file. */
import { CheckError, type HolderCheck, type Probe } from "@keyfold/lifecycle/RotationResources"
import * as Program from "@keyfold/node/Program"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Time } from "../policies.ts"

const isCommand = (words: ReadonlyArray<string>): words is readonly [string, ...ReadonlyArray<string>] =>
  words[0] !== undefined && words[0] !== ""

const howToWrite = "a list of a program and its arguments"

/** A program and its arguments; no shell reads it. */
export const Command = Schema.Array(Schema.String)
  .annotate({ expected: howToWrite })
  .pipe(Schema.refine(isCommand, { expected: howToWrite }))

/** A program, and how long it may take. */
export const Check = Schema.Struct({
  command: Command.annotateKey({ description: "A program and its arguments; exit code 0 means that the key works." }),
  within: Schema.optionalKey(Time.annotateKey({ description: "How long it may take; 10 seconds when omitted." }))
})

/** The type of that. */
export type Check = typeof Check.Type

/** Where programs start. */
export interface Surroundings {
  readonly folder: string
  readonly env: Readonly<Record<string, string | undefined>>
}

const told = ({ fix, problem }: { readonly problem: string; readonly fix?: string }) =>
  new CheckError({ problem: fix === undefined ? problem : `${problem} ${fix}` })

const works = 0
const refused = 1

const noAnswer = (program: string, code: number) =>
  new CheckError({ problem: `the program ${program} exited with code ${code}.` })

/** A probe: the secret is on the program's standard input. Exit code 1 is a refusal, any other but 0 is no answer. */
export const probeOf = ({ command, within }: Check, { env, folder }: Surroundings): Probe => ({
  accepts: ({ key, secret }) =>
    Program.ask(command, { folder, env: { ...env, KEYFOLD_KEY: key.id }, input: secret, within }).pipe(
      Effect.mapError(told),
      Effect.flatMap((code) =>
        code === works || code === refused ? Effect.succeed(code === works) : Effect.fail(noAnswer(command[0], code))
      )
    )
})

/** A holder's check: the program knows the keys by their ids, and has no secret. */
export const holderCheckOf =
  ({ command, within }: Check, { env, folder }: Surroundings): HolderCheck =>
  ({ new: fresh, old, store, tenant }) => {
    const about = { KEYFOLD_STORE: store, KEYFOLD_TENANT: tenant ?? "", KEYFOLD_OLD_KEY: old.id, KEYFOLD_KEY: fresh.id }
    return Program.ask(command, { folder, env: { ...env, ...about }, within }).pipe(
      Effect.mapError(told),
      Effect.flatMap((code) => (code === works ? Effect.void : Effect.fail(noAnswer(command[0], code))))
    )
  }
