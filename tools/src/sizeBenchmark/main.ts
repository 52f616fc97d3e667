/**
 * `npm run bench:size`: how large one adapter with core is in a browser, beside vendors' own clients. Those are found in
 * the folder given, or in the repository, and left out where they are not installed.
 */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { head, row } from "../measurement/table.ts"
import { bundle, type Bundle, type Size } from "./bundle.ts"
import { adapters, alone, others, withAdapter } from "./programs.ts"

const kilobytes = (bytes: number): string => (bytes / 1000).toFixed(1)

const cells = ({ compressed, minified }: Size): ReadonlyArray<string> => [kilobytes(minified), kilobytes(compressed)]

const show = (name: string, { all, libraries }: Bundle): string =>
  row([name, ...cells(all), kilobytes(libraries.compressed), kilobytes(all.compressed - libraries.compressed)])

const root = process.cwd()
const folder = process.argv[2] ?? root

const isInstalled = (name: string): boolean => existsSync(join(folder, "node_modules", name))

console.log(head(["program that lists keys", "minified, kB", "gzip, kB", "of it effect and ky", "above them"]))
for (const [name, module] of adapters) {
  console.log(show(name, await bundle(withAdapter(name, module), join(root, "packages", module.toLowerCase()))))
}
for (const [name, program] of others) {
  const isOurs = name === alone
  if (isOurs || isInstalled(name)) console.log(show(name, await bundle(program, isOurs ? root : folder)))
}
