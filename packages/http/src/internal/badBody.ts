/** What is said of a body that cannot be read, without any of its values. */
import { InvalidResponse } from "@keyfold/core/KeyStoreError"
import type * as Schema from "effect/Schema"
import { describeIssue } from "./describeIssue.ts"

/** The body is no JSON text. */
export const notJson = new InvalidResponse({ problem: "the backend answered success with a body that is not JSON" })

/** The body is JSON of another shape; `at` leads to what `error` is about. */
export const undocumented = (error?: Schema.SchemaError, at: ReadonlyArray<string> = []): InvalidResponse =>
  new InvalidResponse({ problem: `the backend's answer is not what it documents: ${describeIssue(error, at)}` })
