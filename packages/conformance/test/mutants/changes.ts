/** Ways to change a good driver in one place. */
import type { ApiKey } from "@keyfold/core/ApiKey"
import type { CreateRequest, Driver, PageRequest } from "@keyfold/core/Driver"
import * as Effect from "effect/Effect"

/** The native functions of a driver that has them all. */
export const nativeOf = (driver: Driver) => {
  const { get, identify, list, usage, verify } = driver
  if (get === undefined || identify === undefined || usage === undefined || verify === undefined) {
    throw new Error("the mutated driver lacks an operation")
  }
  if (list.kind !== "pages") throw new Error("the mutated driver does not page")
  return { get, identify, usage, verify, page: list.page }
}

/** Changes each key a driver lets out. */
export const changingKeys =
  (change: (key: ApiKey, asked?: { readonly owner: string | undefined }) => ApiKey) =>
  (driver: Driver): Driver => {
    const { get, page, verify } = nativeOf(driver)
    return {
      ...driver,
      create: (request) => Effect.map(driver.create(request), (issued) => ({ ...issued, key: change(issued.key) })),
      get: (ref) => Effect.map(get(ref), (key) => change(key)),
      list: {
        kind: "pages",
        page: (request) =>
          Effect.map(page(request), (found) => ({ ...found, keys: found.keys.map((key) => change(key, request)) }))
      },
      verify: (secret) =>
        Effect.map(verify(secret), (answer) =>
          answer.valid && answer.key !== undefined ? { ...answer, key: change(answer.key) } : answer
        )
    }
  }

/** Changes what a driver is asked to create. */
export const changingCreate =
  (change: (request: CreateRequest) => CreateRequest) =>
  (driver: Driver): Driver => ({ ...driver, create: (request) => driver.create(change(request)) })

/** Changes how a driver answers for a page. */
export const changingPage =
  (
    change: (
      page: ReturnType<typeof nativeOf>["page"],
      request: PageRequest
    ) => ReturnType<ReturnType<typeof nativeOf>["page"]>
  ) =>
  (driver: Driver): Driver => {
    const { page } = nativeOf(driver)
    return { ...driver, list: { kind: "pages", page: (request) => change(page, request) } }
  }
