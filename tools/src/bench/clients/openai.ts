/** OpenAI's own client, as it is when nothing is configured. */
import OpenAI from "openai"
import { oneByOne, type Open } from "../client.ts"
import { credential, formats, newName } from "../formats.ts"

/** Opens it. */
export const open: Open = ({ keys, url }) => {
  const client = new OpenAI({
    apiKey: credential,
    adminAPIKey: credential,
    baseURL: url + formats.openai.base(keys)
  })
  const admin = client.admin.organization.adminAPIKeys
  return Promise.resolve({
    list: async () => (await admin.list()).data.length,
    create: async () => (await admin.create({ name: newName })).value,
    get: (ids) => oneByOne(ids, 64, async (id) => (await admin.retrieve(id)).id !== "")
  })
}
