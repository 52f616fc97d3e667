/** Where a server listens, and why it does not. */
import { ConfigurationError } from "@keyfold/core/ConfigurationError"
import type { AddressInfo, Server } from "node:net"

const problems: Readonly<Record<string, readonly [problem: string, fix: string]>> = {
  EADDRINUSE: ["is in use", "Choose another port, or 0 for any free one."],
  EACCES: ["may not be used by this user", "Choose a port from 1024 up, or 0 for any free one."],
  EADDRNOTAVAIL: ["is not an address of this machine", "Choose 127.0.0.1 to serve this machine only."],
  ENOTFOUND: ["is not a host that can be found", "Choose 127.0.0.1 to serve this machine only."]
}

/** Why a server does not listen; `field` is the setting below `gateway` that says where. */
export const unheard = (field: string, host: string, port: number, cause: unknown): ConfigurationError => {
  const code: unknown = typeof cause === "object" && cause !== null ? Reflect.get(cause, "code") : undefined
  const [problem, fix] = problems[String(code)] ?? ["cannot be listened on", "Choose another host and port."]
  return new ConfigurationError({ field: `gateway.${field}`, problem: `${host}:${port} ${problem}.`, fix })
}

const reachable = ({ address, family }: AddressInfo): string => {
  if (address === "0.0.0.0") return "127.0.0.1"
  if (address === "::") return "[::1]"
  return family === "IPv6" ? `[${address}]` : address
}

/** The host and the port that this machine reaches a server at. */
export const addressOf = (server: Server): string | undefined => {
  const address = server.address()
  return address === null || typeof address === "string" ? undefined : `${reachable(address)}:${address.port}`
}
