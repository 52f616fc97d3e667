import { mutants as answers } from "./mutants/answers.ts"
import { mutants as behaviours } from "./mutants/behaviours.ts"
import { hunt } from "./mutants/hunt.ts"
import { mutants as listings } from "./mutants/listings.ts"
import { mutants as secrets } from "./mutants/secrets.ts"

hunt("mutants of what a driver does", behaviours)
hunt("mutants of what a driver lists", listings)
hunt("mutants of what a driver answers", answers)
hunt("mutants that let secrets out", secrets)
