/** Section 6 of the wire page, point by point, with the tests that prove each; a proof that is gone fails here. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"

type Proof = readonly [file: string, title: string]

const checklist: ReadonlyArray<readonly [point: string, proofs: ReadonlyArray<Proof>]> = [
  [
    "1. The secret appears once, in create's answer, and never in a log",
    [
      ["Create", "answers the key with its secret, once"],
      ["Canary", "after ${situation}"],
      ["Fixtures", "create.noSecret"]
    ]
  ],
  [
    "2. The credential may be short-lived JSON: obtained each time, opaque, without prefix",
    [
      ["Credential", "is asked for at each attempt and sent as it is, without prefix"],
      ["Credential", "is renewed between the attempts of one call"],
      ["Credential", "that can no longer be obtained is Unauthenticated with nothing sent and its cause dropped"],
      ["Socket", "an AWS identity arrives unchanged"]
    ]
  ],
  [
    "3. URLs carry user, alias and key id, and error bodies repeat the URL: neither gets into an error",
    [
      ["Refusals", "400 about binding keeps nothing of its text"],
      ["Refusals", "any other 400 falls back to InvalidRequest"],
      ["ServerRefusals", "reports the server's request id and never a text that is none"]
    ]
  ],
  [
    "4. Revoking needs id, user and organization; with the id alone the user is looked up; revoked keys only by user",
    [
      ["Revoke", "with the owner is one DELETE with user_id and key_id in the query and no body"],
      ["Revoke", "without the owner looks it up in exactly one request more"],
      ["Revoke", "takes a listed key as it is: it brings its own owner, not the store's default"],
      ["Reads", "shows an owner's revoked keys where they are asked for"]
    ]
  ],
  [
    "5. get's {} means not found and says nothing about revocation",
    [
      ["Reads", "200 {} for ${what} is NotFound after one request, and says nothing of revocation"],
      ["Fixtures", "get.unknown"],
      ["Fixtures", "get.null"]
    ]
  ],
  [
    "6. A revoke's 404 is ambiguous: bounded backoff for a new key, never a silent success",
    [
      ["Revoke", "a key made a moment ago is revoked ${what} its owner after a bounded backoff"],
      ["Revoke", "404 for ${what} is NotFound at once: no retry, no success, and every possible cause named"],
      ["Revoke", "a key that never shows is NotFound within the visibility bound of 12 seconds"],
      ["Revoke", "another process waits for a key whose creation time is recent"]
    ]
  ],
  [
    "7. Revoke may be repeated, create may not; a stray is found by its alias and revoked",
    [
      ["Revoke", "a lost answer is settled by the second request"],
      ["LostAnswers", "the connection is reset after the server committed"],
      ["LostAnswers", "a proxy answers ${status} with HTML after the server committed"],
      ["LostAnswers", "is OutcomeUnknown once no time is left to look and try again, and no key of it is left"],
      ["LostAnswers", "an interrupted create aborts its request, and the key that was made is revoked"],
      ["Socket", "a create whose connection breaks after the commit is Network, and may have been sent"]
    ]
  ],
  [
    "8. 403 has no finer cause; 401 means that no credential was sent",
    [
      ["Refusals", "403 without body is PermissionDenied without a finer cause"],
      ["Refusals", "401 without body is Unauthenticated"],
      ["ServerRefusals", "a customer's administrator key, an expired and a revoked one are the same PermissionDenied"],
      ["V1", "an unknown, an expired and a revoked secret are refused, indistinguishably"]
    ]
  ],
  [
    "9. Bodies may be empty, mislabelled text, either JSON shape, or a proxy's HTML",
    [
      ["Refusals", "403 as mislabelled text names the network location"],
      ["Refusals", "403 as a proxy's HTML claims nothing about the network"],
      ["Refusals", "${what} is Unavailable for reads and revoke after four attempts"],
      ["Refusals", "a 200 with a ${garbling} body is InvalidResponse for reads"],
      ["Revoke", "a proxy's 200 is no revocation"],
      ["V1", "an outage, a refusal by location, a proxy's page and a lost connection are errors, never an answer"]
    ]
  ],
  [
    "10. Times are UTC whatever the process's zone; an expiry is checked locally with a margin",
    [
      ["TimeZone", "reads zone-less times with 0 to 3 fraction digits as UTC, and times with a zone by their zone"],
      ["TimeZone", "sends an expiry as epoch milliseconds"],
      ["Create", "an expiry 64 seconds ahead: 60 are the server's rule, 5 are for clocks"],
      ["Create", "an expiry 65 seconds ahead and one in the year 9999 are sent"],
      ["ServerRefusals", "an expiry that only the server's faster clock refuses is InvalidRequest for expiresAt"]
    ]
  ],
  [
    "11. Expired is computed here, and revoked keys are dropped here",
    [
      ["Reads", "finds an expired key and says so by comparing times itself"],
      ["Reads", "a key is still active at its very last millisecond"],
      ["Reads", "with an owner sends user_id and drops the revoked keys the server adds"]
    ]
  ],
  [
    "12. Scopes are explicit and repeated; unknown ones are the server's to judge",
    [
      ["Create", "leaves unset parameters out and sends the default scope explicitly"],
      ["Create", "puts everything into the query in one POST without body and without Content-Type"],
      ["Create", "lets an internal scope through: the server decides"],
      ["ServerRefusals", "an unknown scope is sent, and the server's refusal is InvalidRequest for scopes"],
      ["Socket", "the raw request line repeats scopes, escapes signs and carries no null"]
    ]
  ],
  [
    "13. Unset parameters are left out; empty ids and # are refused before anything is sent",
    [
      ["Create", "leaves scopes out where the caller asks for none, and names each of the store's defaults"],
      ["Create", 'an owner with "#", which would break every later read'],
      ["Create", "a blank owner"],
      ["Boot", "on v0 without an organization"],
      ["Boot", "on v0 with the organization ${JSON.stringify(id)}"],
      ["Reads", "the id ${JSON.stringify(id)} is refused by get, revoke and usage before anything is sent"],
      ["Reads", "the owner ${JSON.stringify(user)} is refused by list and revoke before anything is sent"]
    ]
  ],
  [
    '14. Unknown fields are ignored; missing, null and "" are tolerated',
    [
      ["Fixtures", "create.unknownFields"],
      ["Fixtures", "create.sparse"],
      ["Fixtures", "create.nulls"],
      ["Fixtures", "list.old"],
      ["Reads", 'an alias of "" and a missing one are no name; a missing revoked is not revoked']
    ]
  ],
  [
    "15. At the key limit a create fails clearly",
    [
      ["ServerRefusals", "the 26th key of a free organization is QuotaExceeded, and revoking one makes room"],
      ["Refusals", "limit reached is told by loose text"]
    ]
  ],
  [
    "16. There is no server paging: pages are slices of a fresh list",
    [
      ["Reads", "slices a fresh list in id order, each page one GET without paging parameters"],
      ["Reads", "refuses another filter's cursor before anything is sent"]
    ]
  ],
  [
    "17. v0 has no verify; v1 validates the key itself",
    [
      ["Reads", "verify is Unsupported, with nothing sent"],
      ["V1", "presents the secret itself to /validate in one GET, instead of the store's credential"]
    ]
  ],
  [
    "18. 429 brings no Retry-After: the store backs off by itself",
    [
      ["Refusals", "429 as mislabelled text is RateLimited without a time, after four attempts at growing distance"],
      ["Refusals", "a create refused by a drained bucket is sent again and makes exactly one key"]
    ]
  ],
  [
    "19. Accept is JSON alone, there is no body and no Content-Type, and redirects are not followed",
    [
      ["Create", "puts everything into the query in one POST without body and without Content-Type"],
      ["Refusals", "a redirect is not followed and names the host only"],
      ["Socket", "a redirect is not followed: the credential never reaches its target"]
    ]
  ]
]

// The functions that register tests in this folder; their first argument is the title.
const registering = /\b(?:it|it\.effect|it\.live|refusal|refuses|refusedLocally|clearedAway|reads|fails)\(\s*/g
const literal = /^(["'`])((?:\\.|(?!\1)[^\\])*)\1/

const titlesIn = (file: string): ReadonlyArray<string> => {
  const source = readFileSync(new URL(`${file}.test.ts`, import.meta.url), "utf8")
  return [...source.matchAll(registering)].flatMap((match) => {
    const found = literal.exec(source.slice(match.index + match[0].length))
    return found?.[2] === undefined ? [] : [found[2]]
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

  it("is covered whole: 19 points, in order", () => {
    assert.deepStrictEqual(
      checklist.map(([point]) => Number.parseInt(point, 10)),
      Array.from({ length: 19 }, (_, index) => index + 1)
    )
  })

  it("would notice a missing proof", () => {
    assert.notInclude(titlesIn("Create"), "a test nobody wrote")
    assert.isAbove(titlesIn("Refusals").length, 20)
  })
})
