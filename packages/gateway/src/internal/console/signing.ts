/** Signing in with a key of the gateway, and out again. */
import * as Effect from "effect/Effect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Redacted from "effect/Redacted"
import { make as problem, types, type Problem } from "../../Problem.ts"
import { html, type Part } from "./html.ts"
import { alert, goTo, show } from "./page.ts"
import { cookieOf, formOf, sealedForm, type Response, type Visit, type Visitor } from "./visit.ts"

/** A page of the console to go on to; nothing else. */
const safe = (to: string | null): string => (to !== null && /^\/console\/[a-z]+\?[\x21-\x7e]*$/.test(to) ? to : "/")

const field = (isWrong: boolean, wrong: Part): Part =>
  html`<div class="field">
    <label for="key">Key of this gateway</label>
    <span class="hint" id="key-hint"
      >It begins with <code>kf_</code>. <code>keyfold gateway init</code> shows the first one, once.</span
    >
    ${wrong}<input
      id="key"
      name="key"
      type="password"
      autocomplete="current-password"
      autocapitalize="off"
      spellcheck="false"
      required
      aria-describedby="key-hint"
      ${isWrong && html` aria-invalid="true"`}
    />
  </div>`

/** The page with the form to sign in by. */
export const signInPage = (to: string | null, failure?: Problem): Response =>
  show({
    title: "Sign in",
    status: failure === undefined ? 200 : types[failure.name].status,
    body: html`<div class="narrow">
      <h1>Sign in</h1>
      <p class="lead">
        The console shows the keys of the tenants that your key may see, and offers what it may do there.
      </p>
      ${failure !== undefined && alert("You are not signed in", html`<p>${failure.detail}</p>`)}
      <form method="post" action="/console/sign-in" class="card">
        <input type="hidden" name="to" value="${safe(to)}" />
        ${field(failure !== undefined, undefined)}
        <button>Sign in</button>
      </form>
      <p class="quiet small">
        The key is sent once and kept nowhere in the browser. A session ends after half an hour without use, and after
        eight hours.
      </p>
    </div>`
  })

const ended = problem("unauthenticated", "Your session is over. Sign in again; nothing was changed.")

/** Asks somebody to sign in who is not, and to come back then. */
export const askToSignIn = ({ request, url }: Visit): Response =>
  request.method === "GET" || request.method === "HEAD"
    ? goTo(`/?to=${encodeURIComponent(`${url.pathname}${url.search}`)}`)
    : signInPage(null, ended)

const notHere = problem("unauthenticated", "Tokens are for programs. Sign in with a key of this gateway.")

const unwritten = problem("unavailable", "Sessions cannot be begun at the moment.")

const begin = Effect.fnUntraced(function* (visited: Visit, presented: string): Effect.fn.Return<string, Problem> {
  const { means, request, secure } = visited
  const { actor } = yield* means.access.authenticate(Redacted.make(presented.trim(), { label: "credential" }))
  if (!actor.startsWith("key:")) return yield* notHere
  const before = request.cookies[cookieOf(secure)]
  if (before !== undefined) yield* Effect.ignore(means.sessions.end(before))
  const { token } = yield* Effect.mapError(means.sessions.begin(actor), () => unwritten)
  return token
})

/** Signs somebody in. */
export const signIn = (visited: Visit): Effect.Effect<Response, Problem> =>
  Effect.gen(function* () {
    const form = yield* formOf(visited)
    const token = yield* Effect.result(begin(visited, form.get("key") ?? ""))
    if (token._tag === "Failure") return signInPage(form.get("to"), token.failure)
    return HttpServerResponse.setCookieUnsafe(goTo(safe(form.get("to"))), cookieOf(visited.secure), token.success, {
      httpOnly: true,
      sameSite: "strict",
      secure: visited.secure,
      path: "/"
    })
  })

/** Ends a session, everywhere and at once. */
export const signOut = (visitor: Visitor): Effect.Effect<Response, Problem> =>
  Effect.gen(function* () {
    yield* sealedForm(visitor)
    yield* Effect.mapError(visitor.means.sessions.end(visitor.session.token), () =>
      problem("unavailable", "The session cannot be ended at the moment. Try again.")
    )
    return HttpServerResponse.expireCookieUnsafe(goTo("/"), cookieOf(visitor.secure), {
      httpOnly: true,
      sameSite: "strict",
      secure: visitor.secure,
      path: "/"
    })
  })
