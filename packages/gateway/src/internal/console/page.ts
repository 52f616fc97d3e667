/** The frame of every page, and the headers that keep it to itself. */
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { types, type Problem } from "../../Problem.ts"
import { foreign, html, type Html, type Part } from "./html.ts"
import { sealOf, type Session } from "./sessions.ts"

type Response = HttpServerResponse.HttpServerResponse

/** Where the console's own files are. */
export const files = { style: "/console/style.css", script: "/console/script.js", icon: "/console/icon.svg" } as const

const policy =
  "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
  "base-uri 'none'; frame-ancestors 'none'"

/** A browser must send where a form comes from, which it does not under no-referrer. */
const headers = {
  "content-security-policy": policy,
  "referrer-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin"
}

/** The pages of the console that a path leads to. */
export type Place = "keys" | "key" | "new" | "revoke" | "rotate" | "rotations" | "rotation"

/** Writes the address of a page. What it is about stands in the query, so that any name may be one. */
export const to = (place: Place, about: Readonly<Record<string, string | undefined>>): string => {
  const query = Object.entries(about).flatMap(([name, value]) =>
    value === undefined || value === "" ? [] : [`${name}=${encodeURIComponent(value.toWellFormed())}`]
  )
  return `/console/${place}?${query.join("&")}`
}

/** What a page is about. */
export interface Page {
  readonly title: string
  readonly body: Html
  readonly session?: Session | undefined
  readonly tenant?: { readonly name: string; readonly links: ReadonlyArray<Link>; readonly here?: string } | undefined
  readonly status?: number
}

/** A link of the navigation. */
export interface Link {
  readonly name: string
  readonly place: Place
}

/** The proof that a form was made here. */
export const sealed = (session: Session): Html =>
  html`<input type="hidden" name="seal" value="${sealOf(session, "form")}" />`

const navigation = ({ tenant }: Page): Part =>
  tenant !== undefined &&
  html`<nav aria-label="Tenant">
    <ul>
      ${tenant.links.map(
        ({ name, place }) =>
          html`<li>
            <a href="${to(place, { tenant: tenant.name })}" ${tenant.here === place && html` aria-current="page"`}
              >${name}</a
            >
          </li>`
      )}
    </ul>
  </nav>`

const caller = ({ session }: Page): Part =>
  session !== undefined &&
  html`<form class="who" method="post" action="/console/sign-out">
    ${sealed(session)}<span title="${session.actor}">${foreign(session.actor)}</span
    ><button class="plain">Sign out</button>
  </form>`

const whole = (page: Page): Html =>
  html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${page.title} · Keyfold</title>
        <link rel="stylesheet" href="${files.style}" />
        <link rel="icon" href="${files.icon}" type="image/svg+xml" />
        <script src="${files.script}" defer></script>
      </head>
      <body>
        <a class="skip" href="#content">Skip to content</a>
        <header>
          <div class="bar">
            <a class="brand" href="/"><img src="${files.icon}" alt="" />Keyfold</a>${navigation(page)}${caller(page)}
          </div>
        </header>
        <main id="content" tabindex="-1">${page.body}</main>
        ${page.session !== undefined && html`<footer class="quiet small">Times are in UTC.</footer>`}
      </body>
    </html> `

/** Answers with a page. */
export const show = (page: Page): Response =>
  HttpServerResponse.text(whole(page).text, {
    status: page.status ?? 200,
    contentType: "text/html; charset=utf-8",
    headers
  })

/** Sends a browser on, with GET. */
export const goTo = (address: string): Response =>
  HttpServerResponse.empty({ status: 303, headers: { ...headers, location: address } })

/** What went wrong, at the top of the page and read out first. */
export const alert = (title: string, body: Part): Html =>
  html`<div class="note bad" role="alert" tabindex="-1" autofocus>
    <h2>${title}</h2>
    ${body}
  </div>`

/** Says a problem. */
export const said = ({ detail, name }: Problem): Html => alert(types[name].title, html`<p>${detail}</p>`)

/** A page that says a problem and nothing else. */
export const problemPage = (problem: Problem, requestId: string, about: Pick<Page, "session" | "tenant">): Response =>
  HttpServerResponse.setHeaders(
    show({
      ...about,
      title: types[problem.name].title,
      status: types[problem.name].status,
      body: html`<h1>${types[problem.name].title}</h1>
        <p>${problem.detail}</p>
        <p class="quiet small">Request <code>${requestId}</code></p>
        <p><a href="/">Back to the tenants</a></p>`
    }),
    problem.headers
  )

/** A table of a page: its caption, its heads, and its rows. */
export const sheet = (caption: Part, heads: ReadonlyArray<string>, rows: ReadonlyArray<Html>): Html =>
  html`<div class="sheet">
    <table role="table">
      <caption>
        ${caption}
      </caption>
      <thead role="rowgroup">
        <tr role="row">
          ${heads.map((head) => html`<th role="columnheader" scope="col">${head}</th>`)}
        </tr>
      </thead>
      <tbody role="rowgroup">
        ${rows}
      </tbody>
    </table>
  </div>`
