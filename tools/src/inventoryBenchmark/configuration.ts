/** The configuration that `keyfold inventory` is measured with. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { stringify } from "yaml"
import type { Backends, Case } from "./measured.ts"
import { labelSecret, organization, tenants } from "./seeds.ts"

/** The variables that its secrets are read from. */
export const environment = ({ arthur, whylabs }: Backends): Readonly<Record<string, string>> => ({
  WHYLABS_API_KEY: whylabs.credential,
  ARTHUR_API_KEY: arthur.credential,
  LABELS: labelSecret
})

const manyStores = ({ whylabs }: Backends, stores: number) => {
  const names = Array.from({ length: stores }, (_, number) => organization(number))
  const store = (name: string) => ({
    adapter: "whylabs",
    baseUrl: whylabs.url,
    organization: name,
    apiKey: { env: "WHYLABS_API_KEY" },
    defaults: { owner: "bot" }
  })
  return {
    stores: Object.fromEntries(names.map((name) => [name, store(name)])),
    tenants: Object.fromEntries(names.map((name) => [`tenant of ${name}`, name]))
  }
}

const oneStore = ({ arthur }: Backends) => ({
  stores: {
    shared: {
      adapter: "arthur",
      baseUrl: arthur.url,
      apiKey: { env: "ARTHUR_API_KEY" },
      timeout: "5 minutes",
      labelSecret: { env: "LABELS" }
    }
  },
  tenants: Object.fromEntries(tenants.map((tenant) => [tenant, "shared"]))
})

/** Writes the configuration of a case into a folder and tells its path. */
export const write = (folder: string, which: Case, backends: Backends, stores: number): string => {
  const file = join(folder, `${which}.yaml`)
  writeFileSync(file, stringify(which === "many" ? manyStores(backends, stores) : oneStore(backends)))
  return file
}
