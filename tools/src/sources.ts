/** Makes `@keyfold/*` mean the sources, whatever is built, and imports modules of a repository by their path. */
import { registerHooks } from "node:module"
import { pathToFileURL } from "node:url"

registerHooks({
  resolve: (specifier, context, next) =>
    next(
      specifier,
      specifier.startsWith("@keyfold/")
        ? { ...context, conditions: [...context.conditions, "@keyfold/source"] }
        : context
    )
})

/** Imports a module by its absolute path. */
export const importSource = async (path: string): Promise<object> => import(/* @vite-ignore */ pathToFileURL(path).href)
