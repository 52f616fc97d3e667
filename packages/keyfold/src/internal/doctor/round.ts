/** The doctor's round: every store of the configuration, some at a time, and the journal. */
import type { Configuration, OneStore } from "@keyfold/config/Configuration"
import type { Finding as Mistake } from "@keyfold/config/Finding"
import type { TransportFactory } from "@keyfold/http/Transport"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { examine, type Manner } from "./examine.ts"
import { type Examined, failure } from "./finding.ts"
import { examineJournal } from "./journal.ts"
import { patientsOf } from "./patient.ts"

/** How many stores are examined at a time. */
const concurrency = 8

const place = /^(stores|tenants)(?:\.([^.[]+)|\["(.+?)"\])(?:\.(\w+))?/

/** What is wrong with the configuration keeps a store from being opened, and no other. */
const ofMistake = ({ file, line, path, problem }: Mistake): Examined => {
  const [, kind, plain, quoted, member] = place.exec(path) ?? []
  const name = plain ?? quoted ?? ""
  const check = kind === "stores" && member === "require" ? "requirements" : "configuration"
  const found = failure(check, `${file}:${line} ${path}: ${problem.replace(/\.$/, "")}`, "See: keyfold config check")
  return { subject: "store", ...(kind === "tenants" ? { tenant: name } : { store: name }), findings: [found] }
}

const mistaken = (elsewhere: ReadonlyArray<Mistake>, store: string | undefined): ReadonlyArray<Examined> =>
  elsewhere.map(ofMistake).filter((one) => store === undefined || one.store === store)

/** What the round is about: the whole configuration, or one store. */
export interface Order {
  readonly sound: OneStore
  readonly store: string | undefined
  readonly transport: TransportFactory
  readonly manner: Manner
}

const definitionsIn = ({ stores }: Configuration, store: string | undefined) =>
  [...stores.values()].filter(({ name }) => store === undefined || name === store)

/** Tells what was found, subject by subject, in the order of the file. */
export const round = ({ manner, sound, store, transport }: Order): Stream.Stream<Examined> => {
  const { configuration, elsewhere } = sound
  const patients = patientsOf(configuration, definitionsIn(configuration, store), transport)
  const examined = Stream.mapEffect(
    Stream.fromIterable(patients),
    (patient) =>
      Effect.map(examine(patient, manner), (findings): Examined => ({
        subject: "store",
        store: patient.store,
        ...(patient.tenant === undefined ? {} : { tenant: patient.tenant }),
        adapter: patient.adapter,
        findings
      })),
    { concurrency }
  )
  const journal = Stream.fromEffect(
    Effect.map(examineJournal(configuration), (findings): Examined => ({ subject: "journal", findings }))
  )
  return Stream.fromIterable(mistaken(elsewhere, store)).pipe(Stream.concat(examined), Stream.concat(journal))
}
