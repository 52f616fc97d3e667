/** Section 6 of the wire page, point by point, with the tests that prove each; a proof that is gone fails here. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"

type Proof = readonly [file: string, title: string]

const checklist: ReadonlyArray<readonly [point: string, proofs: ReadonlyArray<Proof>]> = [
  [
    "1. The slash stands on the collection and never on a key; a redirect is a configuration error",
    [
      ["Create", "is one POST to the collection, slash included, with a JSON body and its Content-Type"],
      ["Reads", "reads one key in one GET without slash at the end, without query and without body"],
      ["Revoke", "is one DELETE without slash at the end, without query, body and Content-Type"],
      ["ServerRefusals", "every operation hits its route: exact slashes, no redirect"],
      [
        "ServerRefusals",
        "a proxy that changes the slash at the end is InvalidRequest for baseUrl, and no redirect is followed"
      ],
      ["Refusals", "a ${status} is not followed and names the host only"],
      ["Socket", "a redirect is not followed: neither credential nor body reaches its target"]
    ]
  ],
  [
    "2. Any 2xx with or without a body is a revocation",
    [
      ["Revoke", "succeeds on the server's 204 without a body"],
      ["Revoke", "succeeds on the documented 200 with the key"],
      ["Revoke", "succeeds on ${what}: the answer is never parsed"],
      ["Socket", "reads a 200 with the key, and an empty 200, as a revocation"]
    ]
  ],
  [
    "3. The status decides; the fixed texts are hints",
    [
      ["ServerRefusals", "the limit is QuotaExceeded without an invented number, and revoking a key makes room"],
      ["ServerRefusals", "TENANT-USER is InvalidRequest for scopes, naming the roles a key may have"],
      ["ServerRefusals", "an unknown role is sent, and the dump ${what} is neither parsed nor kept"],
      ["ServerRefusals", "a wrong path prefix is InvalidRequest for baseUrl, never a missing key"],
      ["ServerRefusals", "of an auditor reads, and is PermissionDenied where it writes"],
      ["Refusals", "404 of the handler in other words is NotFound too: the text is a hint"],
      ["Refusals", "404 of the router is a wrong address"],
      ["Refusals", '401 "${wording}" is Unauthenticated'],
      ["Refusals", "in new words is InvalidRequest"]
    ]
  ],
  [
    "4. An id is checked to be a UUID before anything is sent",
    [
      ["Reads", "the id ${JSON.stringify(id)} is refused by get and revoke before anything is sent"],
      ["Reads", "takes an id in upper case and sends it as the server writes it"]
    ]
  ],
  [
    "5. Roles are always explicit; none only where a powerless key is asked for",
    [
      ["Create", "writes a mark alone without a name and makes the server's default role explicit"],
      ["Create", "sends an empty list of roles only where a key that may do nothing is asked for, and never null"],
      ["Create", "sends each role once and translates portable names both ways"]
    ]
  ],
  [
    "6. created_at is neither a creation time nor in a known zone: it stays under provider",
    [
      ["Create", "never offers created_at as a creation time: it is the start of the server's process"],
      ["Reads", "finds a deactivated key, whose time without a zone stays under provider as it came"],
      ["TimeZone", "reads no time out of Arthur's zone-less texts: no zone is applied, neither this process's nor UTC"],
      ["TimeZone", "keeps those texts under provider as they came"]
    ]
  ],
  [
    "7. Absent members and null are the same",
    [
      ["Fixtures", "create.sparse"],
      ["Fixtures", "create.nulls"],
      ["Fixtures", "list.odd"],
      ["Reads", "a missing or empty description is no name, and a key without roles has no scopes"]
    ]
  ],
  [
    "8. list cannot see revoked keys, get can",
    [
      ["Reads", "shows active keys only, of all organizations, from one GET with its slash"],
      ["Reads", "cannot show revoked keys: asking for them is Unsupported, with nothing sent"],
      ["Reads", "says that revoked keys are hidden and that reads do not lag"],
      ["Fixtures", "get.deactivated"]
    ]
  ],
  [
    "9. A revocation takes up to 10 seconds to bite; rotating needs one free place",
    [
      ["Revoke", "it is accepted after the 204 by a server that accepted it before, and refused after the bound"],
      ["Revoke", "each worker of the server has its own 10 seconds, and none outlives the bound"],
      ["Revoke", "create, hand over, revoke: the new key works at once and the old one frees its place under the limit"]
    ]
  ],
  [
    "10. A create is never repeated blindly; a stray is found by its description and revoked",
    [
      ["LostAnswers", "the connection is reset after the server committed"],
      ["LostAnswers", "no answer comes within the attempt's 10 seconds"],
      ["LostAnswers", "a proxy answers ${status} with HTML after the server committed"],
      ["LostAnswers", "is OutcomeUnknown after four attempts, and none of their keys is left"],
      ["LostAnswers", "an interrupted create aborts its request, and the key that was made is revoked"],
      ["Create", "makes two keys for two calls with the same name: nothing is unique but the id"],
      ["Socket", "a create whose connection breaks after the commit is Network, and may have been sent"]
    ]
  ],
  [
    "11. The secret appears once; validation texts and 5xx bodies are never kept",
    [
      ["Create", "answers the key with its secret, once"],
      ["Canary", "after ${situation}"],
      ["Canary", "a validation error's echo of the caller's own description stays out as well"],
      ["LostAnswers", "keeps nothing of a secret that an answer held which could not be read"],
      ["ServerRefusals", "a dump that echoes the description is not kept either"],
      ["ServerRefusals", "is Unavailable, and the password old servers put into the text is never kept"]
    ]
  ],
  [
    "12. There are no cookies: one would hide the credential",
    [
      ["ServerRefusals", "a cookie the server sets is not sent back, where it would hide the credential"],
      ["Socket", "writes exact request lines below the address's prefix, and a body to create alone"]
    ]
  ],
  [
    "13. What Arthur does not have is Unsupported, not invented",
    [
      ["Reads", "usage, verify and owners are Unsupported, with nothing sent"],
      ["Create", "an expiry"],
      ["Create", "tags"],
      ["Create", "an owner"],
      ["Reads", "slices a fresh list in id order, each page one GET without paging parameters"],
      ["Boot", "where Arthur cannot do what the program needs"]
    ]
  ],
  [
    "14. 5xx and network failures are repeated for reads and revoke only, a revoke after a get; a 500 may be the token",
    [
      ["Refusals", "${what} is Unavailable for get, list and revoke after four attempts"],
      ["Revoke", "a lost answer is settled by a get: the key is off, nothing is sent again and its time does not move"],
      ["Revoke", "a request that the server never handled is sent again once a get shows the key active"],
      [
        "ServerRefusals",
        "that the server cannot check is Unauthenticated, although the status is 500, and not tried again"
      ],
      ["Refusals", "a proxy's Retry-After is waited for exactly, and a create so refused makes exactly one key"]
    ]
  ],
  [
    "15. Answers come in chunks without a length",
    [["Socket", "reads answers in chunks of any size that state no length"]]
  ],
  [
    "16. A path prefix of the address is kept",
    [
      ["Boot", "and joins its paths to the address's own prefix"],
      ["Socket", "writes exact request lines below the address's prefix, and a body to create alone"]
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

  it("is covered whole: 16 points, in order", () => {
    assert.deepStrictEqual(
      checklist.map(([point]) => Number.parseInt(point, 10)),
      Array.from({ length: 16 }, (_, index) => index + 1)
    )
  })

  it("would notice a missing proof", () => {
    assert.notInclude(titlesIn("Create"), "a test nobody wrote")
    assert.isAbove(titlesIn("Refusals").length, 20)
  })
})
