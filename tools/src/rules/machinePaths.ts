/** Nothing in the repository names the machine or the registry it was written with. */
import { spawnSync } from "node:child_process"
import { lstatSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { Finding } from "../finding.ts"
import type { Workspace } from "../workspace.ts"

const forbidden = [
  {
    pattern: /(?<![\w./])\/(?:work|home|root)\//,
    what: "a path of one machine",
    mend: "use a path relative to the file"
  },
  {
    pattern:
      /"resolved": *"https?:|(?:^|[/@.])registry\.(?:npmjs|yarnpkg|npmmirror)\.|npm\.pkg\.github\.|^registry *=/m,
    what: "a package registry",
    mend: "leave the registry to npm's configuration (lock files: omit-lockfile-registry-resolved=true)"
  }
]

/** Lists what git tracks or would track. */
const trackedFiles = (root: string): ReadonlyArray<string> | undefined => {
  const { status, stdout } = spawnSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024
  })
  return status === 0 ? [...new Set(stdout.split("\0"))].filter((path) => path !== "") : undefined
}

/** No tracked text file holds a machine path or a registry host. */
export const machinePaths = ({ root }: Workspace): ReadonlyArray<Finding> => {
  const files = trackedFiles(root)
  if (files === undefined) {
    return [{ file: ".", problem: "git cannot list the tracked files", mend: "run the check in a git checkout" }]
  }
  return files
    .filter((path) => lstatSync(join(root, path), { throwIfNoEntry: false })?.isFile())
    .flatMap((path) => {
      const text = readFileSync(join(root, path), "utf8")
      return text.includes("\0")
        ? []
        : forbidden.flatMap(({ mend, pattern, what }) => {
            const at = text.search(pattern)
            const line = text.slice(0, at).split("\n").length
            return at < 0 ? [] : [{ file: `${path}:${line}`, problem: `names ${what}`, mend }]
          })
    })
}
