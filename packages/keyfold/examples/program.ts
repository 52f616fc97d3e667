import { ConfigurationError, KeyStoreError, open } from "keyfold"

export const replace = async (tenant: string, save: (name: string, secret: string) => Promise<void>) => {
  await using keys = await open()
  const store = keys.forTenant(tenant)

  // The key is revoked again where it cannot be saved; nothing else ever holds its secret.
  const { key } = await store.create(
    { name: "ci", expiresAt: new Date(Date.now() + 30 * 24 * 60 * 60 * 1000) },
    { within: "20 seconds", deliver: ({ key, secret }) => save(`${tenant}/${key.id}`, secret.reveal()) }
  )

  for await (const old of store.list({ status: "active" })) {
    if (old.name === key.name && old.id !== key.id) await store.revoke(old)
  }
  return key
}

export const explain = (error: unknown): string => {
  if (error instanceof ConfigurationError) return `mend the configuration: ${error.message}`
  if (!(error instanceof KeyStoreError)) throw error
  switch (error.reason._tag) {
    case "QuotaExceeded":
      return `revoke a key first; ${error.reason.limit ?? "no more"} are allowed`
    case "OutcomeUnknown":
      return `a key may exist; ask recover about ${error.operationId}`
    case "NotDelivered":
      return error.reason.revoked ? "not saved, and revoked again" : "not saved, and still live"
    default:
      return error.isRetryable ? "try again later" : error.message
  }
}
