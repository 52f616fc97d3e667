import { suite } from "@keyfold/conformance/KeyStoreSuite"
import { memory } from "./Subjects.ts"

suite("memory", memory)
