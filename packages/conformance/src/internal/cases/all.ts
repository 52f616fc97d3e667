/** Every case of the contract. */
import type { Definition } from "../definition.ts"
import * as concurrency from "./concurrency.ts"
import * as create from "./create.ts"
import * as declared from "./declared.ts"
import * as defaults from "./defaults.ts"
import * as failures from "./failures.ts"
import * as gaps from "./gaps.ts"
import * as get from "./get.ts"
import * as identify from "./identify.ts"
import * as interruption from "./interruption.ts"
import * as list from "./list.ts"
import * as listPage from "./listPage.ts"
import * as recovery from "./recovery.ts"
import * as retries from "./retries.ts"
import * as revoke from "./revoke.ts"
import * as safeCreate from "./safeCreate.ts"
import * as secrets from "./secrets.ts"
import * as tenancy from "./tenancy.ts"
import * as unknownFields from "./unknownFields.ts"
import * as usage from "./usage.ts"
import * as verify from "./verify.ts"

/** The cases in the order in which a run shows them. */
export const definitions: ReadonlyArray<Definition> = [
  ...declared.cases,
  ...create.cases,
  ...defaults.cases,
  ...get.cases,
  ...list.cases,
  ...listPage.cases,
  ...revoke.cases,
  ...usage.cases,
  ...verify.cases,
  ...identify.cases,
  ...failures.cases,
  ...retries.cases,
  ...interruption.cases,
  ...safeCreate.cases,
  ...recovery.cases,
  ...secrets.cases,
  ...unknownFields.cases,
  ...concurrency.cases,
  ...tenancy.cases,
  ...gaps.cases
]
