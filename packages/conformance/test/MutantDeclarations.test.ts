import { mutants } from "./mutants/declarations.ts"
import { hunt } from "./mutants/hunt.ts"

hunt("mutants of what a driver declares", mutants)
