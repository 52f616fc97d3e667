/** openapi-fetch, with the types of WhyLabs' two routes. */
import createClient from "openapi-fetch"
import { assertSuccess, type Open } from "../client.ts"
import { credential, formats, newName } from "../formats.ts"

interface Key {
  readonly keyId: string
  readonly userId: string
  readonly alias: string
}

interface Answer<A> {
  readonly responses: { readonly 200: { readonly content: { readonly "application/json": A } } }
}

interface Paths {
  readonly "/v0/organizations/{organization}/api-key": {
    readonly get: Answer<{ readonly items: ReadonlyArray<Key> }> & {
      readonly parameters: { readonly path: { readonly organization: string } }
    }
    readonly post: Answer<Key & { readonly key: string }> & {
      readonly parameters: {
        readonly path: { readonly organization: string }
        readonly query: { readonly user_id: string; readonly scopes: ReadonlyArray<string>; readonly alias: string }
      }
    }
  }
}

const route = "/v0/organizations/{organization}/api-key"
const path = { organization: "org-1" }

/** Opens it. */
export const open: Open = ({ keys, url }) => {
  const baseUrl = url + formats.whylabs.base(keys)
  const client = createClient<Paths>({ baseUrl, headers: { "x-api-key": credential } })
  return Promise.resolve({
    list: async () => {
      const { data, response } = await client.GET(route, { params: { path } })
      assertSuccess(response.status)
      return data?.items.length ?? 0
    },
    create: async () => {
      const query = { user_id: "user-1", scopes: [":user"], alias: newName }
      const { data, response } = await client.POST(route, { params: { path, query } })
      assertSuccess(response.status)
      return data?.key ?? ""
    }
  })
}
