import { hunt } from "./mutants/hunt.ts"
import { mutants } from "./mutants/wires.ts"

hunt("mutants of the wire", mutants)
