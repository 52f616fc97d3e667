import { assert, beforeAll, describe, it } from "@effect/vitest"
import { configurationJudge } from "../src/configurations.ts"
import type { ValidateConfiguration } from "../src/readmeExamples.ts"
import { repository } from "./miniature.ts"

let judge: ValidateConfiguration
const problems = async (text: string) => (await judge(text)).map(({ line, problem }) => `${line} ${problem}`).join("\n")

describe("configurations", () => {
  beforeAll(async () => {
    judge = await configurationJudge(repository)
  })

  it("accepts stores of every adapter of the repository without asking for their secrets", async () => {
    const text = `default: local
stores:
  local: { adapter: sql, url: "sqlite:keyfold.db", pepper: { file: ./nowhere/pepper } }
  monitoring: { adapter: whylabs, organization: org-123, apiKey: { env: NO_SUCH_VARIABLE }, defaults: { owner: bot } }
  guard: { adapter: arthur, baseUrl: https://arthur.example, apiKey: { env: NO_SUCH_VARIABLE } }
  agents: { adapter: occam, apiKey: { env: NO_SUCH_VARIABLE } }
`
    assert.strictEqual(await problems(text), "")
  })

  it("reports an adapter that does not exist, at its line", async () => {
    assert.match(await problems("stores:\n  a:\n    adapter: arthurr\n"), /^3 .*Did you mean "arthur"/)
  })

  it("reports an option the adapter does not have and one it wants, each at its line", async () => {
    const found = await problems(
      "stores:\n  a:\n    adapter: sql\n    uri: sqlite:keyfold.db\n    pepper: { env: P }\n"
    )
    assert.match(found, /^4 stores\.a\.uri: /m)
    assert.match(found, /stores\.a.*url/)
  })

  it("reports a secret that is written out, without repeating it", async () => {
    const found = await problems(`stores:\n  a: { adapter: occam, apiKey: "a-very-secret-text" }\n`)
    assert.match(found, /^2 stores\.a\.apiKey: /)
    assert.notInclude(found, "a-very-secret-text")
  })
})
