/** WorkOS' own client, as it is when nothing is configured. */
import { WorkOS } from "@workos-inc/node"
import type { Open } from "../client.ts"
import { credential, newName } from "../formats.ts"

/** Opens it. */
export const open: Open = ({ keys, url }) => {
  const { hostname, port } = new URL(url)
  const client = new WorkOS({ apiKey: credential, apiHostname: hostname, port: Number(port), https: false })
  const organizationId = String(keys)
  return Promise.resolve({
    list: async () => (await client.apiKeys.listOrganizationApiKeys({ organizationId })).data.length,
    create: async () => (await client.apiKeys.createOrganizationApiKey({ organizationId, name: newName })).value
  })
}
