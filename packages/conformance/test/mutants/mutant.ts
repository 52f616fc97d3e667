/** A broken store, with the cases that must catch it. */
import * as Backend from "@keyfold/conformance/Backend"
import type * as Contract from "@keyfold/conformance/Contract"
import type { Capabilities } from "@keyfold/core/Capabilities"
import type { Driver } from "@keyfold/core/Driver"
import * as Journal from "@keyfold/core/Journal"
import * as KeyStore from "@keyfold/core/KeyStore"
import * as MemoryDriver from "@keyfold/core/MemoryDriver"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { foreignSecrets, inProcess, whylabsV0 } from "../Subjects.ts"

/** What is wrong with a store, and which cases, as `group: name`, must fail for it while all others pass. */
export interface Mutant {
  readonly wrong: string
  readonly subject: Contract.Subject
  readonly caughtBy: ReadonlyArray<string>
  /** Cases that catch it in some orders of the ids, which are random, and not in others. */
  readonly mayBeCaughtBy?: ReadonlyArray<string>
}

/** What no mutant may let anybody see. */
export const credential = "canary-credential-of-the-store"

/** The capabilities of the memory driver, with some flags and operations replaced. */
export const capable = (
  flags: Partial<Omit<Capabilities, "operations">> = {},
  operations: Partial<Capabilities["operations"]> = {}
): Capabilities => ({
  ...MemoryDriver.capabilities,
  ...flags,
  operations: { ...MemoryDriver.capabilities.operations, ...operations }
})

/** A good driver to start from, and what is documented about it. `above` is what it does before it sends anything. */
export interface Base {
  readonly above?: (driver: Driver) => Driver
  readonly make: () => Driver
  readonly capabilities: Capabilities
  readonly samples?: Contract.Samples
}

/** The memory driver as it is: it can do everything. */
export const whole: Base = { make: MemoryDriver.make, capabilities: MemoryDriver.capabilities }

/** A subject whose driver was changed above the backend, so that what it sends too much is seen. */
export const subjectOf = (
  { above = (driver) => driver, capabilities, make, samples }: Base,
  change: (driver: Driver) => Driver
): Contract.BackedSubject<Backend.DriverBackend> => {
  const mutate = (driver: Driver) => change(above(driver))
  return {
    capabilities,
    samples: { foreignSecrets, ...samples },
    credentials: [credential],
    backend: Backend.fromDriver(Effect.sync(make)),
    // The driver is changed once for each backend: a mutant may have a memory.
    layer: (options, backend) => KeyStore.layer(changed(backend, mutate), options),
    driver: (backend) => Effect.sync(() => changed(backend, mutate))
  }
}

const memory = new WeakMap<Backend.DriverBackend, Driver>()

const changed = (backend: Backend.DriverBackend, mutate: (driver: Driver) => Driver): Driver => {
  const known = memory.get(backend) ?? mutate(backend.driver)
  memory.set(backend, known)
  return known
}

/** A driver that does something wrong. */
export const driverMutant = (
  wrong: string,
  base: Base,
  mutate: (driver: Driver) => Driver,
  caughtBy: ReadonlyArray<string>
): Mutant => ({ wrong, subject: subjectOf(base, mutate) as unknown as Contract.Subject, caughtBy })

type Store = KeyStore.KeyStore["Service"]

/** What a store mutant starts from, and what it makes of the options it is built with. */
export interface Origin {
  readonly base?: Base
  readonly boot?: (options: KeyStore.StoreOptions) => KeyStore.StoreOptions
}

/** A store that does something wrong above a good driver, as one that was not built with core would. */
export const storeMutant = (
  wrong: string,
  mutate: (store: Store, driver: Driver, options: KeyStore.StoreOptions) => Partial<Store>,
  caughtBy: ReadonlyArray<string>,
  { base = whole, boot = (options) => options }: Origin = {}
): Mutant => {
  const subject = subjectOf(base, (driver) => driver)
  return {
    wrong,
    caughtBy,
    subject: {
      ...subject,
      layer: (options, backend) =>
        Layer.effect(
          KeyStore.KeyStore,
          Effect.suspend(() => {
            const driver = changed(backend, base.above ?? ((good) => good))
            // What a store says of itself may change: it is asked each time.
            return Effect.map(KeyStore.make(driver, boot(options)), (store): Store =>
              Object.create(store, Object.getOwnPropertyDescriptors(mutate(store, driver, options)))
            )
          })
        )
    } satisfies Contract.BackedSubject<Backend.DriverBackend> as unknown as Contract.Subject
  }
}

/** A good store over a good driver whose journal does something wrong. */
export const journalMutant = (
  wrong: string,
  mutate: (journal: Journal.Journal) => Partial<Journal.Journal>,
  caughtBy: ReadonlyArray<string>,
  base: Base = whole
): Mutant => {
  const subject = subjectOf(base, (driver) => driver)
  return {
    wrong,
    caughtBy,
    subject: {
      ...subject,
      layer: (options, backend) =>
        Layer.unwrap(
          Effect.map(Journal.Journal, (journal) =>
            subject
              .layer(options, backend)
              .pipe(
                Layer.provide(
                  Layer.succeed(Journal.Journal, journal === undefined ? journal : { ...journal, ...mutate(journal) })
                )
              )
          )
        )
    } satisfies Contract.BackedSubject<Backend.DriverBackend> as unknown as Contract.Subject
  }
}

type Fetch = typeof globalThis.fetch

/** WhyLabs over a `fetch` that does something wrong. */
export const wireMutant = (wrong: string, mutate: (fetch: Fetch) => Fetch, caughtBy: ReadonlyArray<string>): Mutant => {
  const subject = whylabsV0(inProcess)
  const backend = {
    ...subject.backend,
    make: Effect.map(subject.backend.make, (made) => ({
      ...made,
      route: { ...made.route, fetch: mutate(made.route.fetch) }
    }))
  }
  return { wrong, subject: { ...subject, backend } as unknown as Contract.Subject, caughtBy }
}
