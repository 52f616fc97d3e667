/** Makes certificates for one test run, so that no private key is kept in the repository. */
import { generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto"

export interface Certificate {
  readonly certificate: string
  readonly key: string
  readonly issue: (name: string, options?: CertificateOptions) => Certificate
}

export interface CertificateOptions {
  /** Names and IPv4 addresses of the server; this machine's when omitted. */
  readonly hosts?: ReadonlyArray<string>
  readonly from?: Date
  readonly to?: Date
}

type Bytes = Uint8Array

/** One element of the Distinguished Encoding Rules (ITU-T X.690). */
const element = (tag: number, ...contents: ReadonlyArray<Bytes>): Bytes => {
  const content = Buffer.concat(contents)
  const { length } = content
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

const sequence = (...contents: ReadonlyArray<Bytes>): Bytes => element(0x30, ...contents)
const objectId = (hex: string): Bytes => element(0x06, Buffer.from(hex, "hex"))
const text = (tag: number, value: string): Bytes => element(tag, Buffer.from(value))

const ecdsaWithSha256 = sequence(objectId("2a8648ce3d040302"))
const commonName = (name: string): Bytes => sequence(element(0x31, sequence(objectId("550403"), text(0x0c, name))))
const time = (date: Date): Bytes => text(0x18, `${date.toISOString().replace(/[-:T]|\.\d+Z/g, "")}Z`)

const hostName = (host: string): Bytes =>
  /^[\d.]+$/.test(host) ? element(0x87, Buffer.from(host.split(".").map(Number))) : text(0x82, host)

const extensions = (hosts: ReadonlyArray<string>): Bytes => {
  const isAuthority = sequence(objectId("551d13"), element(0x04, sequence(element(0x01, Buffer.from([0xff])))))
  const alternativeNames = sequence(objectId("551d11"), element(0x04, sequence(...hosts.map(hostName))))
  return element(0xa3, sequence(isAuthority, alternativeNames))
}

const pem = (der: Bytes): string => {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? []
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n")
}

interface Issuer {
  readonly name: string
  readonly key: KeyObject
}

const issue = (name: string, options: CertificateOptions, issuer?: Issuer): Certificate => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
  const {
    from = new Date(Date.now() - 3_600_000),
    hosts = ["127.0.0.1", "localhost"],
    to = new Date(Date.now() + 86_400_000)
  } = options
  const content = sequence(
    element(0xa0, element(0x02, Buffer.from([2]))),
    element(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ecdsaWithSha256,
    commonName(issuer?.name ?? name),
    sequence(time(from), time(to)),
    commonName(name),
    publicKey.export({ type: "spki", format: "der" }),
    extensions(hosts)
  )
  const signature = sign("sha256", content, issuer?.key ?? privateKey)
  return {
    certificate: pem(sequence(content, ecdsaWithSha256, element(0x03, Buffer.from([0]), signature))),
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    issue: (other, given = {}) => issue(other, given, { name, key: privateKey })
  }
}

/** Makes a certificate that signs itself and may sign others. */
export const selfSigned = (name: string, options: CertificateOptions = {}): Certificate => issue(name, options)
