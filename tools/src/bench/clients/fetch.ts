/** The platform's `fetch`, and the whole body parsed at once. */
import { assertSuccess, byExchange, oneByOne, type Open } from "../client.ts"
import { formats } from "../formats.ts"

const exchange = byExchange(async (url, { body, headers, method }) => {
  const response = await fetch(url, { method, headers, ...(body === undefined ? {} : { body }) })
  assertSuccess(response.status)
  return response.json()
})

const idsOf = (items: ReadonlyArray<unknown>): ReadonlyArray<string> =>
  items.map((item) => (item as { readonly keyId: string }).keyId)

/** Lists again for each id, 64 at once. */
export const open: Open = async (target) => ({
  ...(await exchange(target)),
  get: (ids) => oneByOne(ids, 64, async (id) => (await listIds(target)).includes(id))
})

/** Lists once and looks all ids up, as one writes by hand who has all of them in one place. */
export const openOnce: Open = async (target) => ({
  ...(await exchange(target)),
  get: async (ids) => {
    const known = new Set(await listIds(target))
    return ids.filter((id) => known.has(id)).length
  }
})

const listIds = async ({ keys, url }: Parameters<Open>[0]): Promise<ReadonlyArray<string>> => {
  const { headers } = formats.whylabs.list(keys)
  const response = await fetch(`${url}${formats.whylabs.base(keys)}/v1/api-key`, { headers })
  return idsOf(formats.whylabs.itemsOf(await response.json()))
}
