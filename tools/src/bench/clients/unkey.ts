/** Unkey's own client, as it is when nothing is configured. */
import { Unkey } from "@unkey/api"
import { oneByOne, type Open } from "../client.ts"
import { credential, formats, newName } from "../formats.ts"

/** Opens it. */
export const open: Open = ({ keys, url }) => {
  const client = new Unkey({ rootKey: credential, serverURL: url + formats.unkey.base(keys) })
  return Promise.resolve({
    list: async () => (await client.apis.listKeys({ apiId: "api_1" })).result.data.length,
    create: async () => (await client.keys.createKey({ apiId: "api_1", name: newName })).data.key,
    get: (ids) => oneByOne(ids, 64, async (keyId) => (await client.keys.getKey({ keyId })).data.keyId !== "")
  })
}
