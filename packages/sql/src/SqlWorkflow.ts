/**
 * The engine that runs durable workflows, such as rotations, on SQL: in one process on a SQLite file, or in several runner
 * processes on one PostgreSQL. The same workflows run on both; the address of the database decides.
 *
 * A workflow's steps and timers are kept in tables that begin with `keyfold_workflow_`. A timer is a row and holds no process
 * and no connection. Each workflow belongs to one runner at a time, by a lock in the database; runners do not talk to each
 * other and open no port. A runner that dies is noticed by its lock, and what it was at goes on in another one.
 *
 * @since 0.1.0
 */
import type { ConfigurationError } from "@keyfold/core/ConfigurationError"
import { Secret } from "@keyfold/core/Secret"
import * as ClusterWorkflowEngine from "effect/cluster/ClusterWorkflowEngine"
import * as RunnerAddress from "effect/cluster/RunnerAddress"
import * as RunnerHealth from "effect/cluster/RunnerHealth"
import * as Runners from "effect/cluster/Runners"
import * as Sharding from "effect/cluster/Sharding"
import * as ShardingConfig from "effect/cluster/ShardingConfig"
import * as SqlMessageStorage from "effect/cluster/SqlMessageStorage"
import * as SqlRunnerStorage from "effect/cluster/SqlRunnerStorage"
import * as Digest from "effect/crypto/Digest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import * as SqlClient from "effect/sql/SqlClient"
import { WorkflowEngine } from "effect/workflow/WorkflowEngine"
import { randomUUID } from "node:crypto"
import * as database from "./internal/database.ts"

/**
 * Decodes the options as a configuration file states them.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Options = Schema.Struct({
  url: Schema.NonEmptyString,
  password: Schema.optionalKey(Secret),
  busyTimeout: Schema.optionalKey(Schema.DurationFromString),
  pollInterval: Schema.optionalKey(Schema.DurationFromString),
  takeOverAfter: Schema.optionalKey(Schema.DurationFromString),
  concurrency: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0)))
})

/**
 * Says where workflows are kept, and how soon a runner sees what others did.
 *
 * - `url`, `password` and `busyTimeout`: the database, as `Sql.Options` states it.
 * - `pollInterval`: how often a runner looks for timers that have run out and for what other processes sent, 1 second when
 *   omitted.
 * - `takeOverAfter`: how long a runner may be silent before others take over what it was at, 15 seconds when omitted, 3 at
 *   least. All runners of one database must agree on it, and none may be held up for that long.
 * - `concurrency`: how many workflows a runner works on at the same time, 16 when omitted. Those that wait for a timer do not
 *   count.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends Schema.Schema.Type<typeof Options> {}

const prefix = "keyfold_workflow"

/** The number of parts that workflows are spread over; runners of one database must agree on it. */
const shards = 120

const least = Duration.seconds(3)

const configurationOf = ({
  pollInterval,
  takeOverAfter
}: Options): Partial<ShardingConfig.ShardingConfig["Service"]> => {
  const expiration = Duration.max(takeOverAfter ?? Duration.seconds(15), least)
  return {
    shardsPerGroup: shards,
    shardLockExpiration: expiration,
    shardLockRefreshInterval: Duration.divideUnsafe(expiration, 3),
    entityMessagePollInterval: pollInterval ?? Duration.seconds(1),
    refreshAssignmentsInterval: Duration.seconds(1),
    // What moves to a runner that joins stands still for this long at the most, and is interrupted then.
    entityTerminationTimeout: Duration.seconds(5),
    simulateRemoteSerialization: false
  }
}

const client = (options: Options): Layer.Layer<SqlClient.SqlClient, ConfigurationError> =>
  Layer.effect(SqlClient.SqlClient, database.open(options, Effect.void, Effect.succeed))

const usualConcurrency = 16

/** A thousand that are due at once would otherwise all want the same few connections, and run out of time. */
const bounded =
  (concurrency: number) =>
  (engine: WorkflowEngine["Service"]): WorkflowEngine["Service"] => {
    const permits = Semaphore.makeUnsafe(concurrency)
    return {
      ...engine,
      // A workflow that waits for a timer has ended its run, and begins another one when it is over.
      register: (workflow, execute) =>
        engine.register(workflow, (payload, executionId) => permits.withPermit(execute(payload, executionId)))
    }
  }

const make = (
  options: Options,
  runnerAddress: Option.Option<RunnerAddress.RunnerAddress>
): Layer.Layer<WorkflowEngine, ConfigurationError> =>
  Layer.effect(WorkflowEngine, Effect.map(WorkflowEngine, bounded(options.concurrency ?? usualConcurrency))).pipe(
    Layer.provide(ClusterWorkflowEngine.layer),
    Layer.provide(Sharding.layer),
    Layer.provide(Runners.layerNoop),
    Layer.provide([
      SqlMessageStorage.layerWith({ prefix }),
      Layer.orDie(SqlRunnerStorage.layerWith({ prefix })),
      RunnerHealth.layerNoop
    ]),
    Layer.provide(ShardingConfig.layer({ ...configurationOf(options), runnerAddress })),
    Layer.provide([client(options), Digest.layerWebCrypto])
  )

/**
 * Provides the engine, as one runner of its database, until the scope ends; what is under way then goes on in another
 * runner, or when the next one starts.
 *
 * A step that a dead runner was at runs again. A runner that was only held up for longer than `takeOverAfter` may still be
 * at it: what a step does must be fenced by itself, as rotations are by the epoch of their record.
 *
 * Fails with a `ConfigurationError`, the database untouched, where it cannot be used or comes from a newer Keyfold.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<WorkflowEngine, ConfigurationError> =>
  Layer.suspend(() =>
    // Nobody connects to the address: it only tells the runners apart.
    make(options, Option.some(RunnerAddress.make(randomUUID(), 1)))
  )

/**
 * Provides an engine that starts, signals and awaits workflows and runs none of their steps: for a short command beside
 * runners that stay, from which a runner would take work over and hand it back.
 *
 * Where no runner is there, what it sends waits in the database for one.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerClient = (options: Options): Layer.Layer<WorkflowEngine, ConfigurationError> =>
  make(options, Option.none())
