/** Web Crypto calls under way: work that is asynchronous for real and that no virtual clock rules. */

let underWay = 0

const methods = ["digest", "importKey", "sign", "verify"] as const

/** Counts what a method of Web Crypto does; the method itself stays as it is. */
const count = (name: (typeof methods)[number]): void => {
  const original: unknown = Reflect.get(SubtleCrypto.prototype, name)
  if (typeof original !== "function") return
  Reflect.set(SubtleCrypto.prototype, name, function (this: SubtleCrypto, ...args: ReadonlyArray<unknown>) {
    underWay++
    const result: Promise<unknown> = Reflect.apply(original, this, args)
    return result.finally(() => underWay--)
  })
}

let isCounting = false

/** Starts counting, once for all cases. */
export const watchDigests = (): void => {
  if (isCounting) return
  isCounting = true
  for (const name of methods) count(name)
}

/** Whether a Web Crypto call is under way. */
export const isDigesting = (): boolean => underWay > 0
