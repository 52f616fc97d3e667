import { suite } from "@keyfold/conformance/KeyStoreSuite"
import { inProcess, overSocket, whylabsV0, whylabsV1 } from "./Subjects.ts"

suite("WhyLabs v0 in process", whylabsV0(inProcess))
suite("WhyLabs v1 in process", whylabsV1(inProcess))
suite("WhyLabs v0 over a socket", whylabsV0(overSocket))
suite("WhyLabs v1 over a socket", whylabsV1(overSocket))
