import { suite } from "@keyfold/conformance/KeyStoreSuite"
import { sqlInFile, sqlInMemory } from "./Subjects.ts"

suite("sql in memory", sqlInMemory)
suite("sql in a file", sqlInFile)
