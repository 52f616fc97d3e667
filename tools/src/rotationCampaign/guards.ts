/** The guards of a rotation, and what its sources look like without one. */
import type { Change } from "../chaos/guards.ts"

/** Names a guard that can be taken away. */
export type GuardName = "custody" | "handOffFlag" | "fence" | "effective" | "overlap" | "discarded"

/** What is guarded, and what its absence means. */
export interface Guard {
  readonly title: string
  readonly without: string
  /** How processes end in the run that must notice: another one has to meet a process that was only held up. */
  readonly fate: "kill" | "stop"
  /** Where the processes of that run end. */
  readonly points: ReadonlyArray<string>
  readonly changes: ReadonlyArray<Change>
}

const internal = "lifecycle/src/internal/rotation"

/** Every guard, in the order of the report. */
export const guards: Readonly<Record<GuardName, Guard>> = {
  custody: {
    title: "custody before hand-off",
    without: "the record does not name the new key before its secret may be with the holder",
    fate: "kill",
    points: ["mint/handOffBegun", "mint/written", "mint/conclude"],
    changes: [
      {
        file: `${internal}/mint.ts`,
        from: "custody: { id: issued.key.id, ...(issued.key.owner === undefined ? {} : { owner: issued.key.owner }) },",
        to: ""
      }
    ]
  },
  handOffFlag: {
    title: "hand-off noted first",
    without: "the record does not say that the hand-off has begun before the secret is written",
    fate: "kill",
    points: ["mint/handOffBegun", "mint/written"],
    changes: [{ file: `${internal}/handOff.ts`, from: "handOffBegun: true,", to: "" }]
  },
  fence: {
    title: "fence",
    without: "a process that was held up writes to a rotation that another one has taken over",
    fate: "stop",
    points: [
      "plan/claim",
      "plan/read",
      "mint/custody",
      "mint/journal.delivered",
      "mint/handOffBegun",
      "mint/written",
      "overlap/claim"
    ],
    changes: [
      {
        file: `${internal}/worker.ts`,
        from: "if (current?.epoch !== record.epoch || !isUnderWay(current.status)) return { answer: undefined }",
        to: "if (current === undefined) return { answer: undefined }"
      }
    ]
  },
  effective: {
    title: "seen to work",
    without: "the secret is handed over before anybody has seen it accepted",
    fate: "kill",
    points: ["plan/claim", "plan/read", "mint/claim", "mint/written"],
    changes: [
      {
        file: `${internal}/effective.ts`,
        from: "if (answer.works) return",
        to: "if (answer.works || !answer.works) return"
      }
    ]
  },
  overlap: {
    title: "overlap",
    without: "the old key is revoked as soon as the new one is handed over",
    fate: "kill",
    points: ["plan/claim", "mint/claim", "mint/written"],
    changes: [{ file: `${internal}/overlap.ts`, from: "if (at < overlapUntil) return", to: "if (at < 0) return" }]
  },
  discarded: {
    title: "settled before minting anew",
    without: "what a dead process made is forgotten instead of revoked",
    fate: "kill",
    points: ["mint/custody", "mint/journal.delivered"],
    changes: [
      {
        file: `${internal}/settle.ts`,
        from: "discarded: [...discarded, { ...key, at: custodyAt ?? now, revoked: false }]",
        to: "discarded: [...discarded, { ...key, at: custodyAt ?? now, revoked: true }]"
      }
    ]
  }
}

/** The names of the guards. */
export const guardNames: ReadonlyArray<GuardName> = [
  "custody",
  "handOffFlag",
  "fence",
  "effective",
  "overlap",
  "discarded"
]
