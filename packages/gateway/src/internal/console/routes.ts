/** The console: every path of it, and who is let in to each. */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import type { Problem } from "../../Problem.ts"
import { Entry } from "../entry.ts"
import * as creating from "./creating.ts"
import { key } from "./key.ts"
import { keys } from "./keys.ts"
import { files } from "./page.ts"
import * as revoking from "./revoking.ts"
import * as rotating from "./rotating.ts"
import * as rotations from "./rotations.ts"
import { script } from "./script.ts"
import { askToSignIn, signIn, signInPage, signOut } from "./signing.ts"
import { icon, style } from "./style.ts"
import { tenants } from "./tenants.ts"
import { orProblemPage, visit, whoIs, type Means, type Response, type Visit, type Visitor } from "./visit.ts"

type Path = "/" | `/console/${string}`

type Page = (visitor: Visitor) => Effect.Effect<Response, Problem>

/** Pages for who is signed in. */
const pages: ReadonlyArray<readonly [method: "GET" | "POST", path: Path, page: Page]> = [
  ["GET", "/console/keys", keys],
  ["GET", "/console/key", key],
  ["GET", "/console/new", creating.blankForm],
  ["POST", "/console/new", creating.create],
  ["GET", "/console/revoke", revoking.ask],
  ["POST", "/console/revoke", revoking.revoke],
  ["GET", "/console/rotate", rotating.ask],
  ["POST", "/console/rotate", rotating.rotate],
  ["GET", "/console/rotations", rotations.all],
  ["GET", "/console/rotation", rotations.rotation],
  ["POST", "/console/rotation", rotations.decide],
  ["POST", "/console/sign-out", signOut]
]

const assets = [
  [files.style, style, "text/css; charset=utf-8"],
  [files.script, script, "text/javascript; charset=utf-8"],
  [files.icon, icon, "image/svg+xml"]
] as const

const served = ([path, text, contentType]: (typeof assets)[number]) =>
  HttpRouter.add(
    "GET",
    path,
    Effect.map(Entry, (facts) => {
      facts.route = path
      return HttpServerResponse.text(text, { contentType })
    })
  )

const answering =
  (means: Means) =>
  (method: "GET" | "POST", path: Path, answer: (visited: Visit) => Effect.Effect<Response, Problem>) =>
    HttpRouter.add(
      method,
      path,
      Effect.gen(function* () {
        const visited = yield* visit(means)
        visited.facts.route = path
        return yield* orProblemPage(visited)(answer(visited))
      })
    )

/** A page for who is signed in; others are asked to sign in. */
const guarded = (page: Page) =>
  Effect.fnUntraced(function* (visited: Visit): Effect.fn.Return<Response, Problem> {
    const visitor = yield* whoIs(visited)
    if (visitor === undefined) return askToSignIn(visited)
    return yield* orProblemPage(visitor, { session: visitor.session })(page(visitor))
  })

const home = Effect.fnUntraced(function* (visited: Visit): Effect.fn.Return<Response, Problem> {
  const visitor = yield* whoIs(visited)
  return visitor === undefined ? signInPage(visited.query.get("to")) : yield* tenants(visitor)
})

/** The routes of the console, by method and path. */
export const own: ReadonlyArray<{ readonly method: string; readonly path: string }> = [
  { method: "GET", path: "/" },
  { method: "POST", path: "/console/sign-in" },
  ...pages.map(([method, path]) => ({ method, path })),
  ...assets.map(([path]) => ({ method: "GET", path }))
]

/** Serves the console. */
export const layer = (means: Means) => {
  const add = answering(means)
  return Layer.mergeAll(
    add("GET", "/", home),
    add("POST", "/console/sign-in", signIn),
    ...pages.map(([method, path, page]) => add(method, path, guarded(page))),
    ...assets.map(served)
  )
}
