import { suite } from "@keyfold/conformance/KeyStoreSuite"
import { occam } from "./Services.ts"
import { inProcess, overSocket } from "./Subjects.ts"

suite("Occam by key in process", occam(inProcess, "apiKey"))
suite("Occam by key over a socket", occam(overSocket, "apiKey"))
suite("Occam by password, verifying, in process", occam(inProcess, "password", true))
suite("Occam by password, verifying, over a socket", occam(overSocket, "password", true))
