import { hunt } from "./mutants/hunt.ts"
import { mutants as recovery } from "./mutants/recovery.ts"
import { mutants as safeCreate } from "./mutants/safeCreate.ts"

hunt("mutants of safe create", safeCreate)
hunt("mutants of recovery", recovery)
