import { mutants as guards } from "./mutants/guards.ts"
import { hunt } from "./mutants/hunt.ts"
import { mutants as stores } from "./mutants/stores.ts"

hunt("mutants of what core does", stores)
hunt("mutants of what core refuses", guards)
