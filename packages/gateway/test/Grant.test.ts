import { assert, describe, it } from "@effect/vitest"
import * as Grant from "@keyfold/gateway/Grant"
import * as Option from "effect/Option"

const allows = (grant: string, tenant: string, operation: Grant.Operation) =>
  Grant.allows(Grant.parseAll([grant]), tenant, operation)

describe("a grant", () => {
  it("is a tenant, a colon and an operation, and nothing else is one", () => {
    for (const text of ["", ":", "acme", "acme:", ":list", "acme:read", "acme:List", "a*b*:list", "acme: list"]) {
      assert.isTrue(Option.isNone(Grant.parse(text)), text)
    }
    assert.deepStrictEqual(Grant.parse("a:b:list"), Option.some({ tenant: "a:b", operation: "list" as const }))
  })

  it("allows its operation on its tenant", () => {
    assert.isTrue(allows("acme:list", "acme", "list"))
    assert.isFalse(allows("acme:list", "acme", "create"))
    assert.isFalse(allows("acme:list", "acme2", "list"))
    assert.isFalse(allows("acme:list", "ACME", "list"))
    assert.isTrue(allows("acme:*", "acme", "revoke"))
  })

  it("with a pattern stands for one or more characters in its place", () => {
    assert.isTrue(allows("*:list", "anything", "list"))
    assert.isTrue(allows("dev-*:list", "dev-1", "list"))
    assert.isFalse(allows("dev-*:list", "dev-", "list"))
    assert.isFalse(allows("dev-*:list", "prod-dev-1", "list"))
    assert.isTrue(allows("a*a:list", "aba", "list"))
    assert.isFalse(allows("a*a:list", "aa", "list"))
  })

  it("that names no operation still lets its tenant be seen only by it", () => {
    const grants = Grant.parseAll(["acme:get", "nonsense"])
    assert.isTrue(Grant.sees(grants, "acme"))
    assert.isFalse(Grant.sees(grants, "globex"))
    assert.deepStrictEqual(Grant.operationsOn(grants, "acme"), ["get"])
  })
})
