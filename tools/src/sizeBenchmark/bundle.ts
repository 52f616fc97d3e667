/** How large a program is once it is bundled for a browser, minified and compressed. */
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { rolldown, type Plugin } from "rolldown"
import { markCalls } from "../build/pureCalls.ts"

/** A size in bytes, minified and then also compressed. */
export interface Size {
  readonly minified: number
  readonly compressed: number
}

/** The size of a bundle, and of effect and ky in it, as much of them as it uses. */
export interface Bundle {
  readonly all: Size
  readonly libraries: Size
}

const sizeOf = (code: string): Size => ({
  minified: Buffer.byteLength(code),
  compressed: gzipSync(code, { level: 9 }).byteLength
})

const program = (code: string, folder: string): Plugin => {
  const id = join(folder, "program.js")
  return {
    name: "program",
    resolveId: (source) => (source === "program" ? id : undefined),
    load: (loaded) => (loaded === id ? code : undefined)
  }
}

/** Sources are bundled as they are packed: with their calls marked. */
const marked: Plugin = {
  name: "marked",
  transform: (code, id) => (/packages[\\/][^\\/]+[\\/]src[\\/]/.test(id) ? markCalls(code, "ts") : undefined)
}

const librariesIn = /node_modules[\\/](?:effect|ky)[\\/]/

const generate = async (code: string, folder: string, apart: boolean): Promise<ReadonlyMap<string, string>> => {
  const bundle = await rolldown({
    input: "program",
    platform: "browser",
    resolve: { conditionNames: ["@keyfold/source", "browser", "import", "default"] },
    plugins: [program(code, folder), marked],
    logLevel: "silent"
  })
  const { output } = await bundle.generate({
    format: "esm",
    minify: true,
    comments: false,
    ...(apart ? { codeSplitting: { groups: [{ name: "libraries", test: librariesIn }] } } : {})
  })
  await bundle.close()
  return new Map(output.flatMap((file) => (file.type === "chunk" ? [[file.name, file.code] as const] : [])))
}

/** Bundles a program whose imports are found from `folder`: once as one file, and once with effect and ky in one of their own. */
export const bundle = async (code: string, folder: string): Promise<Bundle> => {
  const [whole, parts] = await Promise.all([generate(code, folder, false), generate(code, folder, true)])
  return { all: sizeOf([...whole.values()].join("")), libraries: sizeOf(parts.get("libraries") ?? "") }
}
