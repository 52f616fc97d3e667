/**
 * A secret in the hands of a program that is not to print it.
 *
 * @since 0.1.0
 */

const shown = "<secret>"

/**
 * Wraps the secret of a key. As text, as JSON and in a console it shows as `<secret>`; `reveal` gives the text.
 *
 * Reveal it where it is handed over, and nowhere else.
 *
 * @category models
 * @since 0.1.0
 */
export class Secret {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  /** Gives the text of the secret. */
  reveal(): string {
    return this.#text
  }

  toString(): string {
    return shown
  }

  toJSON(): string {
    return shown
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return shown
  }
}
