import { suite } from "@keyfold/conformance/KeyStoreSuite"
import { arthur } from "./Services.ts"
import { inProcess, overSocket } from "./Subjects.ts"

suite("Arthur in process", arthur(inProcess))
suite("Arthur over a socket", arthur(overSocket))
