/**
 * What the command needs of the process that runs it: streams, terminal facts, environment and working folder.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/**
 * Says that nobody reads an output any more, or that it cannot be written.
 *
 * @category errors
 * @since 0.1.0
 */
export class OutputClosed extends Schema.TaggedError<OutputClosed>("keyfold/OutputClosed")("OutputClosed", {
  code: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    return this.code === undefined ? "the output is closed" : `the output is closed (${this.code})`
  }
}

/**
 * Says that standard input could not be read, or held more than a secret can be.
 *
 * @category errors
 * @since 0.1.0
 */
export class InputUnusable extends Schema.TaggedError<InputUnusable>("keyfold/InputUnusable")("InputUnusable", {
  problem: Schema.String
}) {
  override get message(): string {
    return this.problem
  }
}

/**
 * Writes text to one stream; an effect ends when the text was handed to the operating system.
 *
 * @category models
 * @since 0.1.0
 */
export interface Output {
  readonly isTerminal: boolean
  readonly color: boolean
  /** The width of the terminal in cells; 80 where there is none. */
  readonly columns: number
  readonly write: (text: string) => Effect.Effect<void, OutputClosed>
}

/**
 * Reads standard input.
 *
 * @category models
 * @since 0.1.0
 */
export interface Input {
  readonly isTerminal: boolean
  /** Reads to the end, 64 KiB at the most. */
  readonly readAll: Effect.Effect<string, InputUnusable>
  /** Reads one line from a terminal; `hidden` keeps what is typed off the screen. */
  readonly readLine: (options: { readonly hidden: boolean }) => Effect.Effect<string, InputUnusable>
}

/**
 * Gives the command its surroundings.
 *
 * @category services
 * @since 0.1.0
 */
export class Shell extends Context.Service<
  Shell,
  {
    readonly stdin: Input
    readonly stdout: Output
    readonly stderr: Output
    readonly environment: Readonly<Record<string, string | undefined>>
    /** The folder that relative paths on the command line start from. */
    readonly folder: string
    /** How this command is started here, for examples that can be copied: `keyfold`, `npx keyfold` or a path. */
    readonly command: string
  }
>()("keyfold/Shell") {}
