/** Section 6 of the wire page, point by point, with the tests that prove each; a proof that is gone fails here. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"

type Proof = readonly [file: string, title: string]

const checklist: ReadonlyArray<readonly [point: string, proofs: ReadonlyArray<Proof>]> = [
  [
    "1. Two credentials give a cached token, renewed ahead of expiry and on a 401 once, by the status and not the words",
    [
      ["Token", "serves many calls, whether or not the answer names its type"],
      ["Token", "is renewed a minute ahead of its expiry, once for 50 callers, by repeating the exchange"],
      ["Token", "of a minute or less is used for half its life, not renewed at every call"],
      ["Token", "in the words of ${expiredText} renews once and repeats the call once: the status counts"],
      ["Token", "without any body renews too"],
      ["Login", "is one form with user name and password, nothing in the query, and no authorization"]
    ]
  ],
  [
    "2. One renewal for parallel calls, never a loop, and a refused PUT is repeated safely",
    [
      ["Token", "is obtained once for 50 callers at once"],
      ["Token", "to 50 callers at once renews once for all of them"],
      ["Token", "after the renewal too is Unauthenticated: two calls, two exchanges, no loop"],
      ["Token", "to a create is repeated safely: it came before the handler, and one key is made"],
      ["Token", "lose nothing where one of them, the first too, is interrupted"],
      ["Token", "all fail with it, and their calls are not sent"],
      ["Socket", "a rotated signing key is a 401, one renewal and one repeat, for 50 callers too"]
    ]
  ],
  [
    "3. The key travels in a query: encoded, in no log, span or error, without Referer, never redirected, over https",
    [
      ["Socket", "the raw requests have exact slashes, an encoded key, JSON or form bodies, and no cookie"],
      ["Socket", "a redirect of the token route is not followed: the key never reaches its target"],
      ["Socket", "the key in the URL stays unseen where that very request ${title}"],
      ["Socket", "the key in the URL stays unseen where nobody listens"],
      ["Canary", "answer ${situation}"],
      ["Refusals", "on the token exchange is not followed: the key would travel along"],
      ["Boot", "with plain http to another machine"]
    ]
  ],
  [
    "4. A key repeats the exchange; a password refreshes, falls back to the login, and uses each refresh token once",
    [
      ["Login", "has no refresh token and repeats the exchange, asking for the key each time"],
      ["Login", "renews ahead of expiry with the refresh token, each used once and replaced by the next"],
      ["Login", 'falls back to the login where the server says "${detail}"'],
      ["Login", "never tries a refresh token again whose answer was lost: it may be used up"]
    ]
  ],
  [
    "5. expires_at may be seconds, milliseconds or a lifetime",
    [
      ["Token", "as ${expiresAt} is understood: no request is refused around it"],
      ["Token", "${what} is not believed: the token serves until it is refused"],
      ["TimeZone", "renews no token early or late"]
    ]
  ],
  [
    "6. Create answers id and secret only: the name is the request's, the creation time unknown, and no list is raced",
    [
      ["Create", "keeps the name it sent and leaves the creation time unknown: neither comes back"],
      ["Fixtures", "create.ok"],
      ["Fixtures", "create.unknownFields"]
    ]
  ],
  [
    "7. A lost create is not repeated; its unique name finds the orphan",
    [
      ["LostAnswers", "no answer comes within the attempt's 10 seconds"],
      ["LostAnswers", "the connection is reset after the server committed"],
      ["LostAnswers", "is OutcomeUnknown once no time is left to look and try again, and no key of it is left"],
      ["LostAnswers", "an interrupted create aborts its request, and the key that was made is revoked"],
      ["Create", "gives a key without a name its mark alone, which is no name to anybody"],
      ["Socket", "a create whose connection breaks after the commit is Network, and may have been sent"]
    ]
  ],
  [
    "8. Get is a list; a 404 to delete proves a revocation only after a lost answer, by a read; all else is an error",
    [
      ["Reads", "of a hundred keys at once is one list"],
      ["Reads", "of an unknown, a revoked or a foreign id is NotFound"],
      ["Revoke", "answered 404 is NotFound, never success, after one DELETE"],
      ["Revoke", "answered 200 succeeds: the server says no more"],
      ["Revoke", "answered 500 is Unavailable after four DELETEs, never success"],
      ["Revoke", "is sent again; a 404 then, of a key this call knew, is confirmed by a read and is success"],
      ["Revoke", "a 404 then stays NotFound where the list still shows the key"],
      ["Revoke", "a credential that stops working meanwhile is no proof that the key is gone"]
    ]
  ],
  [
    "9. The id is a UUID before a path is built from it",
    [
      ["Revoke", "is refused before anything is sent: ${JSON.stringify(id)}"],
      ["Revoke", "is refused even when empty, which would reach the collection"]
    ]
  ],
  [
    "10. Any 2xx to delete is success, whatever its body",
    [
      ["Revoke", "succeeds with the body ${deleteBody}"],
      ["Revoke", "succeeds with any 2xx (${status} ${contentType})"],
      ["Fixtures", "revoke.null"],
      ["Fixtures", "revoke.object"],
      ["Fixtures", "revoke.empty"],
      ["Fixtures", "revoke.noContent"]
    ]
  ],
  [
    "11. The listed key is no secret, and a hint only where its mask is recognised",
    [
      ["Reads", 'masked as ${mask} gives ${hint === undefined ? "no hint" : "a hint"} and never a secret'],
      ["Fixtures", "list.masks"]
    ]
  ],
  [
    "12. Times with and without an offset; without one kept as text; last_used may be null, and never used is unknown",
    [
      ["Reads", "with ${createdZone} is read, with microseconds"],
      ["Reads", "without an offset is absent and kept raw under provider: nobody says whose clock it is"],
      ["Reads", "without an offset is absent and kept raw under provider"],
      ["Reads", "of a key never used, reported as ${neverUsed}, is absent"],
      ["Reads", "of a key never used, reported as ${neverUsed} (${createdZone}, ${lastUsedZone}), is absent"],
      ["Fixtures", "list.times"],
      ["TimeZone", "reads times by their own offset, and leaves out those without one"]
    ]
  ],
  [
    "13. The five usage numbers as given, with no limit or window made up; integers, overflow and absence survive",
    [
      ["Reads", "is one GET without a trailing slash and reports the five numbers, with no window made up"],
      ["Reads", "reports the share of the quota as given, on either scale, with the scale unknown"],
      ["Reads", "leaves absent numbers absent, and no bare zero or scale in their place"],
      ["Fixtures", "usage.integers"],
      ["Fixtures", "usage.floats"],
      ["Fixtures", "usage.overflow"],
      ["Fixtures", "usage.nulls"],
      ["Fixtures", "usage.empty"]
    ]
  ],
  [
    "14. Failed bodies may be an array detail, a string detail, plain text, HTML or nothing",
    [
      ["Refusals", "422 with an array detail is InvalidRequest and keeps nothing of the dump"],
      ["Refusals", "400 with a string detail is InvalidRequest and not about the address"],
      ["Refusals", "400 in plain text is about the address: the host check speaks"],
      ["Refusals", "422 as HTML is InvalidRequest"],
      ["Refusals", "404 without body is about the address"],
      ["Refusals", "with ${what} is Unauthenticated"],
      ["Refusals", "${what} is Unavailable after four attempts, and OutcomeUnknown for a create after three"]
    ]
  ],
  [
    "15. Roles, scopes, expiry, limits, paging and disabling are declared missing and refused before anything is sent",
    [
      ["Boot", "declares roles, scopes, expiry, limits, paging and everything else Occam lacks as missing"],
      ["Boot", "where ${name} is required"],
      ["Create", "${title}"],
      ["Reads", "of revoked keys or of one owner's is Unsupported, and nothing is sent"],
      ["Verify", "is Unsupported, and nothing is sent"]
    ]
  ],
  [
    "16. A revoked key's tokens may live on, and the revocation says for how long",
    [["Revoke", "says that a token minted from the key may outlive it, and it does"]]
  ],
  [
    "17. An attempt takes 10 seconds at the most",
    [
      ["LostAnswers", "is given up after 10 seconds, as the vendor's clients do, and a read is sent again"],
      ["LostAnswers", "is given up after the store's own timeout where it has one"]
    ]
  ],
  [
    "18. A slash at the end of create and list, none after an id",
    [
      ["Create", "is one PUT to /keys/ with the name and its mark in a JSON body and nothing in the query"],
      ["Reads", "is one GET of /keys/ without query or body, and shows the caller's keys only"],
      ["Revoke", "is one DELETE of the id without a trailing slash, a query or a body"],
      ["Refusals", "for a wrong slash never comes: all four paths are the server's own"]
    ]
  ]
]

// The functions that register tests in this folder; a title is their first argument, or the name they loop over.
const registering =
  /\b(?:it|it\.effect|it\.live|refuses|refusal|clearedAway|reads|fails|accepts|rejects|errs|failing)\(\s*/g
const literal = /^(["'`])((?:\\.|(?!\1)[^\\])*)\1/

const titlesIn = (file: string): ReadonlyArray<string> => {
  const source = readFileSync(new URL(`${file}.test.ts`, import.meta.url), "utf8")
  return [...source.matchAll(registering)].flatMap((match) => {
    const rest = source.slice(match.index + match[0].length)
    const found = literal.exec(rest)?.[2] ?? /^(title),/.exec(rest)?.[1]
    return found === undefined ? [] : [found === "title" ? "${title}" : found]
  })
}

describe("section 6 of the wire page", () => {
  for (const [point, proofs] of checklist) {
    it(point, () => {
      assert.isNotEmpty(proofs)
      for (const [file, title] of proofs) {
        assert.include(titlesIn(file), title, `${file}.test.ts has no such test; did it change its name?`)
      }
    })
  }

  it("is covered whole: 18 points, in order", () => {
    assert.deepStrictEqual(
      checklist.map(([point]) => Number.parseInt(point, 10)),
      Array.from({ length: 18 }, (_, index) => index + 1)
    )
  })

  it("would notice a missing proof", () => {
    assert.notInclude(titlesIn("Create"), "a test nobody wrote")
    assert.isAbove(titlesIn("Refusals").length, 20)
  })
})
