#!/usr/bin/env node
// The launcher is committed, because npm links a command only where its file exists before anything is built.
import { existsSync } from "node:fs"

const command = new URL("../dist/bin.js", import.meta.url)

if (existsSync(command)) {
  await import(command.href)
} else {
  process.stderr.write("keyfold: this clone is not built yet. Run in its root folder: npm run build\n")
  process.exitCode = 1
}
