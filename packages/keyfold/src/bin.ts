#!/usr/bin/env node
/** The entry of the command: says at once what an old Node or `--version` needs, and loads the rest only then. */
import { version } from "./internal/version.ts"

const oldest = [22, 19] as const

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
const argument = process.argv.length === 3 ? process.argv[2] : undefined

if (major < oldest[0] || (major === oldest[0] && minor < oldest[1])) {
  process.stderr.write(
    `keyfold: this is Node ${process.versions.node}, and keyfold needs Node ${oldest.join(".")} or newer. ` +
      "Install a newer Node, or put one first on PATH.\n"
  )
  process.exitCode = 1
} else if (argument === "--version" || argument === "-v") {
  process.stdout.write(`${version()}\n`)
} else {
  const { start } = await import("./internal/start.ts")
  await start(process.argv.slice(2))
}
