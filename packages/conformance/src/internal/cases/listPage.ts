/** Listing keys page by page. */
import type { ApiKey } from "@keyfold/core/ApiKey"
import { completeness, type Filter, type Page } from "@keyfold/core/KeyList"
import type { KeyStoreError } from "@keyfold/core/KeyStoreError"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { inGroup } from "../definition.ts"
import { broken, isTrue, same, sameTexts, type CaseFailure } from "../expect.ts"
import { createdMany, idsOf, listed, named, refusedUnsent, settled, shown, type Store, type World } from "../world.ts"

const listPage = inGroup("listPage")

/** Reads every page; a store that never comes to an end fails. */
const pagesOf = Effect.fnUntraced(function* (
  store: Store,
  limit: number,
  filter: Filter = {}
): Effect.fn.Return<ReadonlyArray<ReadonlyArray<ApiKey>>, CaseFailure | KeyStoreError> {
  const pages: Array<ReadonlyArray<ApiKey>> = []
  let cursor: string | undefined
  do {
    const page: Page = yield* store.listPage({ ...filter, limit, ...(cursor === undefined ? {} : { cursor }) })
    pages.push(page.keys)
    cursor = page.next
    if (pages.length > 50) return yield* broken("the pages come to no end")
  } while (cursor !== undefined)
  return pages
})

const readsToTheEnd = Effect.fnUntraced(function* (world: World) {
  const keys = yield* createdMany(world, named(7))
  for (const limit of [1, 2, 3, 1000]) {
    const pages = yield* pagesOf(world.store, limit)
    yield* isTrue(
      pages.every((page) => page.length <= limit),
      `no page holds more than ${limit}`
    )
    yield* sameTexts(shown(pages.flat(), keys), idsOf(keys), `keys on pages of ${limit}`)
  }
})

const inIdOrder = Effect.fnUntraced(function* (world: World) {
  yield* createdMany(world, named(12))
  const ids = idsOf((yield* pagesOf(world.store, 5)).flat())
  yield* same(ids, ids.toSorted(), "the order of derived pages")
})

const inListOrder = Effect.fnUntraced(function* (world: World) {
  yield* createdMany(world, named(12))
  const ids = idsOf((yield* pagesOf(world.store, 5)).flat())
  yield* same(ids, idsOf(yield* listed(world.store)), "the order of native pages")
})

const standsRevocation = Effect.fnUntraced(function* (world: World) {
  const keys = yield* createdMany(world, named(5))
  const first = yield* world.store.listPage({ limit: 3 })
  const last = first.keys.at(-1)
  if (last === undefined || first.next === undefined) return yield* broken("the first page of 3 of 5 keys has a next")
  // The key a position may be made of goes away; the pages after it must not.
  if (shown([last], keys).length > 0) yield* world.store.revoke(last)
  yield* settled(world)
  const rest: Array<ApiKey> = []
  let cursor: string | undefined = first.next
  while (cursor !== undefined) {
    const page: Page = yield* world.store.listPage({ limit: 3, cursor })
    rest.push(...page.keys)
    cursor = page.next
  }
  const seen = [...shown(first.keys, keys), ...shown(rest, keys)]
  yield* sameTexts(seen, idsOf(keys), "keys on pages between which a key was revoked")
})

const refusesLimits = (world: World) =>
  Effect.forEach(
    [0, -1, 1.5, 1001, Number.NaN],
    (limit) => refusedUnsent(world, world.store.listPage({ limit }), "InvalidRequest"),
    { discard: true }
  )

const cursorOf = Effect.fnUntraced(function* (
  world: World,
  filter: Filter = {},
  store: Store = world.store
): Effect.fn.Return<string, CaseFailure | KeyStoreError> {
  const { next } = yield* store.listPage({ ...filter, limit: 1 })
  return next ?? (yield* broken("a page of 1 of several keys has a next"))
})

const flip = (text: string, index: number): string =>
  `${text.slice(0, index)}${text.charAt(index) === "A" ? "B" : "A"}${text.slice(index + 1)}`

const refusesForgeries = Effect.fnUntraced(function* (world: World) {
  yield* createdMany(world, named(3))
  const cursor = yield* cursorOf(world)
  const forged = [
    "",
    "nonsense",
    "..",
    flip(cursor, 0),
    flip(cursor, cursor.length - 3),
    `${cursor}.${cursor}`,
    cursor.slice(0, -4)
  ]
  for (const forgery of forged) {
    yield* refusedUnsent(world, world.store.listPage({ limit: 1, cursor: forgery }), "InvalidRequest")
  }
})

const bindsFilter = Effect.fnUntraced(function* (world: World) {
  yield* createdMany(world, named(3))
  const cursor = yield* cursorOf(world)
  yield* refusedUnsent(world, world.store.listPage({ cursor, status: "active" }), "InvalidRequest")
  if (world.capabilities.owners === "unsupported") return
  yield* refusedUnsent(world, world.store.listPage({ cursor, owner: world.samples.owners[0] }), "InvalidRequest")
})

const bindsStore = Effect.fnUntraced(function* (world: World) {
  const cursorSecret = Redacted.make("a secret that two stores share")
  const first = yield* world.open({ store: "first", cursorSecret })
  const twin = yield* world.open({ store: "first", cursorSecret })
  const other = yield* world.open({ store: "second", cursorSecret })
  const stranger = yield* world.open({ store: "first" })
  yield* createdMany(world, named(3))
  const cursor = yield* cursorOf(world, {}, first)
  yield* refusedUnsent(world, other.listPage({ cursor }), "InvalidRequest")
  yield* refusedUnsent(world, stranger.listPage({ cursor }), "InvalidRequest")
  yield* isTrue((yield* twin.listPage({ cursor })).keys.length > 0, "a twin of the store reads its cursor")
})

const statesCompleteness = Effect.fnUntraced(function* (world: World) {
  const { capabilities, samples, store } = world
  const filters: ReadonlyArray<Filter> = [
    {},
    { status: "active" },
    ...(capabilities.owners === "unsupported" ? [] : [{ owner: samples.owners[0] }])
  ]
  for (const filter of filters) {
    const page = yield* store.listPage(filter)
    yield* same(page.completeness, completeness(capabilities, filter), "completeness")
  }
})

/** The cases of listPage. */
export const cases = [
  listPage("pages of any size hold every key once and come to an end", readsToTheEnd),
  listPage("derived pages are slices in the order of ids", inIdOrder, {
    when: ({ pagination }) => pagination === "derived"
  }),
  listPage("native pages come in the order of the listing", inListOrder, {
    when: ({ pagination }) => pagination === "native"
  }),
  listPage("a key revoked between two pages loses and repeats no other", standsRevocation),
  listPage("a limit outside 1 to 1000 is refused unsent", refusesLimits),
  listPage("a forged cursor is refused unsent", refusesForgeries),
  listPage("a cursor belongs to its filter", bindsFilter),
  listPage("a cursor belongs to its store", bindsStore, { needs: ["options", "backend"] }),
  listPage("a page says what it leaves out and how old it may be", statesCompleteness)
]
