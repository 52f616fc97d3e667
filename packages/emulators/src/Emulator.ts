/**
 * The control surface that every emulated backend has.
 *
 * An emulator is a stateful `fetch` function plus this surface. The surface is an object in the same process; no request
 * can reach it.
 *
 * @since 0.1.0
 */

/**
 * Tells and moves an emulator's time.
 *
 * Lags and delays are measured on `now`. What the server writes on the wire or checks against it (creation times, expiry,
 * `Date`) is read from `wall`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Clock {
  /** Emulator time in epoch milliseconds: the base clock plus everything advanced so far. */
  readonly now: () => number
  /** What the server's own clock shows: emulator time, off by the skew. */
  readonly wall: () => number
  /** Moves emulator time forward and wakes every delayed answer that falls due. Never moves backwards. */
  readonly advance: (milliseconds: number) => void
  /** Sets the server's own clock off by that much from now on, in either direction; 0 sets it right. */
  readonly skew: (milliseconds: number) => void
}

/**
 * How long, in milliseconds of emulator time, each view of the state stays behind the state itself.
 *
 * @category models
 * @since 0.1.0
 */
export interface Lag {
  /** Until reads see a key that was just created. */
  readonly visibility: number
  /** Until reads see that a key was just revoked. */
  readonly revocation: number
  /** Until authentication sees a new key, or refuses a revoked one. */
  readonly authentication: number
}

/**
 * Describes one request that reached the emulator, or tried to, with every credential masked.
 *
 * @category models
 * @since 0.1.0
 */
export interface SeenRequest {
  /** Position since the emulator was made, from 1; `clear` does not restart it. */
  readonly sequence: number
  /** Emulator time of arrival in epoch milliseconds. */
  readonly time: number
  readonly method: string
  readonly path: string
  /** The decoded query, in wire order, repetitions kept. The value of a credential parameter is `<masked>`. */
  readonly query: ReadonlyArray<readonly [name: string, value: string]>
  /** Header names in lower case. Credential headers are present with their value replaced by `<masked>`. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  /** The request's body as text, credential fields masked; absent when the request had none. */
  readonly body?: string
  /** The operation that method and path name; absent when they name none. */
  readonly operation?: string
  /** The public id of the authenticated caller; absent when the request was refused before or by authentication. */
  readonly caller?: string
  /** Whether the backend's own handler ran. */
  readonly handled: boolean
  /** The ids of the keys this request created, oldest first; absent when it created none, two after two deliveries. */
  readonly created?: ReadonlyArray<string>
  /** The status the client was answered; absent when it got no answer. */
  readonly status?: number
  readonly outcome: Outcome
}

/**
 * How a request ended for the client: `answered`, `cut` after its status and within its body, one of the network failures,
 * `aborted` by its signal, or `pending`.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome = "pending" | "answered" | "cut" | "refused" | "reset" | "timeout" | "failed" | "aborted"

/**
 * Holds the requests seen, in order of arrival. Keeps the newest 10,000, or as many as the emulator's `log` option says.
 *
 * @category models
 * @since 0.1.0
 */
export interface RequestLog {
  /** A copy of the log as it is now. */
  readonly all: ReadonlyArray<SeenRequest>
  /** Counts the requests kept, of one operation or of all. */
  readonly count: (operation?: string) => number
  /** Forgets every request seen so far. */
  readonly clear: () => void
}

/**
 * Answers in place of the backend.
 *
 * @category models
 * @since 0.1.0
 */
export interface StatusFailure {
  /** From 200 to 599. */
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Absent means that no Content-Type is sent. */
  readonly contentType?: string
}

/**
 * Fails on the network: `fetch` rejects with a `TypeError` as Node's does.
 *
 * `cause.code` is `ECONNREFUSED` (nothing was sent), `ECONNRESET` (after sending), or `UND_ERR_HEADERS_TIMEOUT` (after
 * sending; rejected at once, not after the real time-out).
 *
 * @category models
 * @since 0.1.0
 */
export interface NetworkFailure {
  readonly network: "refused" | "reset" | "timeoutBeforeAnswer"
}

/**
 * Any failure that takes the place of the backend's own answer.
 *
 * @category models
 * @since 0.1.0
 */
export type Failure = StatusFailure | NetworkFailure

/**
 * Selects the requests an intervention applies to.
 *
 * @category options
 * @since 0.1.0
 */
export interface Target {
  /** How many matching requests to intervene in. Default 1. */
  readonly count?: number
  /** Only requests of this operation. Default: any request. */
  readonly operation?: string
}

/**
 * Selects requests, and says whether the handler runs before the failure.
 *
 * @category options
 * @since 0.1.0
 */
export interface FailTarget extends Target {
  /** Default `false`. `true` is refused for a refused connection, over which nothing can arrive. */
  readonly commit?: boolean
}

/**
 * Selects requests, and says what the client gets of two deliveries.
 *
 * @category options
 * @since 0.1.0
 */
export interface DuplicateTarget extends Target {
  /**
   * `first` answers at once, `second` when the second delivery was handled, `none` resets the connection after the first.
   * Default `first`.
   */
  readonly answer?: "first" | "second" | "none"
}

/**
 * Selects requests, and says when the handler runs relative to the delay.
 *
 * @category options
 * @since 0.1.0
 */
export interface DelayTarget extends Target {
  /**
   * `before` runs the handler on arrival and answers late. `after` runs it late, even if the client gave up meanwhile.
   * Default `before`.
   */
  readonly commit?: "before" | "after"
}

/**
 * Selects requests, and says whether the handler of a request that gets no answer runs.
 *
 * @category options
 * @since 0.1.0
 */
export interface HangTarget extends Target {
  /** Default `true`. */
  readonly commit?: boolean
}

/**
 * Names a way to spoil the body of a 200: JSON cut in the middle, an HTML page, nothing at all, or a sentence that is
 * labelled as JSON.
 *
 * @category models
 * @since 0.1.0
 */
export type Garbling = "truncated" | "html" | "empty" | "text"

/**
 * What a caller-supplied answer may use.
 *
 * @category models
 * @since 0.1.0
 */
export interface Exchange {
  /** The request as sent, credentials in clear; its body has been read already. */
  readonly request: Request
  /** The request's body as text. */
  readonly body: string | undefined
  /** Runs the backend's handler and gives its answer. */
  readonly proceed: () => Promise<Response>
}

/**
 * Builds the answer to one request in place of the backend.
 *
 * @category models
 * @since 0.1.0
 */
export type Answer = (exchange: Exchange) => Response | Promise<Response>

/**
 * Describes one thing that can happen to a request, as the control of the same name does it; `hang` and `fail` say whether
 * the handler runs, `delay` says when.
 *
 * @category models
 * @since 0.1.0
 */
export type Fault =
  | { readonly kind: "fail"; readonly failure: Failure; readonly commit: boolean }
  | { readonly kind: "lose" }
  | { readonly kind: "abandon"; readonly milliseconds: number }
  | { readonly kind: "delay"; readonly milliseconds: number; readonly commit: "before" | "after" }
  | { readonly kind: "hang"; readonly commit: boolean }
  | { readonly kind: "cut" }
  | { readonly kind: "trickle"; readonly milliseconds: number }
  | { readonly kind: "garble"; readonly garbling: Garbling }
  | { readonly kind: "duplicate"; readonly milliseconds: number; readonly answer: "first" | "second" | "none" }
  | { readonly kind: "stale"; readonly milliseconds: number }
  | { readonly kind: "skew"; readonly milliseconds: number }

/**
 * Describes a request that has just arrived.
 *
 * @category models
 * @since 0.1.0
 */
export interface ArrivedRequest {
  /** As in the log. */
  readonly sequence: number
  /** What the server's own clock shows, in epoch milliseconds. */
  readonly time: number
  /** The operation that method and path name; absent when they name none. */
  readonly operation?: string
}

/**
 * Describes one run of the backend's handler, whenever it happened.
 *
 * @category models
 * @since 0.1.0
 */
export interface HandlerRun {
  readonly status: number
  /** The id of the key it created; absent when it created none. */
  readonly created?: string
}

/**
 * Chooses a fault for each coming request, and may be told what the handler did; `Faults.plan` makes one.
 *
 * @category models
 * @since 0.1.0
 */
export interface FaultSource {
  /** Called as each request arrives; undefined leaves it alone. */
  readonly next: (
    request: ArrivedRequest
  ) => { readonly fault: Fault; readonly onHandled?: (run: HandlerRun) => void } | undefined
}

/**
 * Describes one key as it truly is, without its secret and without any lag.
 *
 * @category models
 * @since 0.1.0
 */
export interface StoredKey {
  readonly id: string
  /** The backend's free-text field, as stored; `""` when unset. */
  readonly label: string
  readonly owner?: string
  readonly revoked: boolean
  /** How the key came to be: over the wire, by `seed`, or as one of the emulator's configured credentials. */
  readonly origin: "created" | "seeded" | "credential"
}

/**
 * A stateful, wire-faithful stand-in for one backend.
 *
 * Interventions queue up: each request takes the oldest one that matches it, and at most one delay besides. A request that
 * takes nothing is offered to the fault source, when there is one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Emulator<Seed, Key extends StoredKey> {
  /** The backend's name, such as `whylabs`. */
  readonly name: string
  /**
   * Answers requests to any origin. Never follows a redirect: it answers the redirect itself, or rejects under
   * `redirect: "error"`. An aborted signal rejects with the signal's reason.
   */
  readonly fetch: typeof globalThis.fetch
  readonly requests: RequestLog
  readonly clock: Clock
  /** The lag in force. */
  readonly lag: Lag
  /** Changes the lag from now on, also for what was committed before. */
  readonly setLag: (lag: Partial<Lag>) => void
  /** Fails the next request, without running its handler unless told to. */
  readonly failNext: (failure: Failure, target?: FailTarget) => void
  /** Runs the next request's handler, then resets the connection instead of answering. */
  readonly loseNextResponse: (target?: Target) => void
  /** Resets the connection of the next request at once, and runs its handler that much later. */
  readonly abandonNext: (milliseconds: number, target?: Target) => void
  /** Answers the next request late: when that much real time has passed or `clock.advance` has covered it. */
  readonly delayNext: (milliseconds: number, target?: DelayTarget) => void
  /** Never answers the next request; it ends only when its signal aborts. */
  readonly hangNext: (target?: HangTarget) => void
  /** Runs the next request's handler, then answers 200 with a body that cannot be decoded. */
  readonly garbleNext: (garbling: Garbling, target?: Target) => void
  /**
   * Runs the next request's handler, answers status, headers and the first half of the body, then breaks the connection.
   * An answer without a body is lost as a whole.
   */
  readonly cutNext: (target?: Target) => void
  /**
   * Runs the next request's handler and answers status and headers at once; the body arrives in up to eight pieces, the
   * last when that much time has passed.
   */
  readonly trickleNext: (milliseconds: number, target?: Target) => void
  /** Delivers the next request twice: the handler runs on arrival, and again that much later (0 is at once). */
  readonly duplicateNext: (milliseconds: number, target?: DuplicateTarget) => void
  /** Serves the next request's reads from the state as of that long ago; a longer lag in force stays. */
  readonly staleNext: (milliseconds: number, target?: Target) => void
  /** Handles the next request with the server's own clock off by that much more, in either direction. */
  readonly skewNext: (milliseconds: number, target?: Target) => void
  /** Lets the caller answer the next request. */
  readonly answerNext: (answer: Answer, target?: Target) => void
  /** Drops every intervention that has not been used up. */
  readonly clearInterventions: () => void
  /** Lets a source choose faults for every request that no queued intervention takes, from now on; undefined ends that. */
  readonly setFaults: (source: FaultSource | undefined) => void
  /** Puts keys into the state, already visible to every read, and gives them as stored. */
  readonly seed: (...keys: ReadonlyArray<Seed>) => ReadonlyArray<Key>
  /** Gives the true state in order of creation, without secrets. */
  readonly keys: () => ReadonlyArray<Key>
  /** Gives the id of the key this secret belongs to, revoked and expired ones included. */
  readonly owns: (secret: string) => string | undefined
}
