/** `keyfold capabilities`. */
import type { StoreDefinition } from "@keyfold/config/Configuration"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { type Output, Shell } from "../../Shell.ts"
import { print, printJson } from "../print.ts"
import { root } from "../root.ts"
import { definitions, readNamed } from "../stores.ts"
import { paint } from "../style.ts"
import { type Cell, facts } from "../table.ts"
import { escape } from "../text.ts"
import * as words from "../words.ts"

const render = ({ adapterName, capabilities, name }: StoreDefinition, output: Output): string => {
  const served = words.operations.map((operation): readonly [string, Cell] => {
    const support = capabilities.operations[operation]
    return [
      operation,
      { text: `${support}: ${words.support(support)}`, style: support === "unsupported" ? "yellow" : "green" }
    ]
  })
  const title = paint(output, "bold", `${escape(name)} (${escape(adapterName)})`)
  return `${title}\n\n${facts([...served, ...words.facts(capabilities)], output)}`
}

/** Shows what stores can do. */
export const capabilities = Command.make(
  "capabilities",
  {},
  Effect.fnUntraced(function* () {
    const settings = yield* root
    const { stdout } = yield* Shell
    const found = yield* definitions(yield* readNamed(settings), settings)
    if (settings.json) {
      const lines = found.map(({ adapterName, capabilities, name }) => ({
        store: name,
        adapter: adapterName,
        capabilities
      }))
      return yield* Effect.forEach(lines, printJson, { discard: true })
    }
    return yield* print(found.map((definition) => render(definition, stdout)).join("\n"))
  })
).pipe(
  Command.withDescription(
    "Show what a store can do, before anything is asked of it: how each operation is served, and the facts on which " +
      "backends differ. Without --store, every store of the configuration is shown. No store is opened."
  ),
  Command.withShortDescription("Show what a store can do"),
  Command.withExamples([{ command: "keyfold capabilities --store monitoring" }])
)
