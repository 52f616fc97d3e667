/** Makes a certificate for 127.0.0.1 that nobody else signed: the little of DER that one needs. */
import { generateKeyPairSync, randomBytes, sign } from "node:crypto"

const element = (tag: number, ...contents: ReadonlyArray<Buffer>): Buffer => {
  const content = Buffer.concat(contents)
  const { length } = content
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

const sequence = (...contents: ReadonlyArray<Buffer>): Buffer => element(0x30, ...contents)

const identifier = (...bytes: ReadonlyArray<number>): Buffer => element(0x06, Buffer.from(bytes))

const time = (date: Date): Buffer =>
  element(0x18, Buffer.from(`${date.toISOString().replace(/[-:T]/g, "").slice(0, 14)}Z`))

// ecdsa-with-SHA256, commonName and subjectAltName.
const algorithm = sequence(identifier(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02))
const commonName = identifier(0x55, 0x04, 0x03)
const alternativeName = identifier(0x55, 0x1d, 0x11)

const pem = (label: string, content: Buffer): string => {
  const lines = content.toString("base64").match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n")
}

/** A certificate that is valid for a day, and its key, both in PEM. */
export const selfSigned = (): { readonly certificate: string; readonly key: string } => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" })
  const name = sequence(element(0x31, sequence(commonName, element(0x0c, Buffer.from("keyfold test")))))
  const address = sequence(element(0x87, Buffer.from([127, 0, 0, 1])))
  const extensions = element(0xa3, sequence(sequence(alternativeName, element(0x04, address))))
  const [from, until] = [new Date(Date.now() - 3_600_000), new Date(Date.now() + 86_400_000)]
  const content = sequence(
    element(0xa0, element(0x02, Buffer.from([2]))),
    element(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    name,
    sequence(time(from), time(until)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    extensions
  )
  const signature = element(0x03, Buffer.concat([Buffer.from([0]), sign("sha256", content, privateKey)]))
  return {
    certificate: pem("CERTIFICATE", sequence(content, algorithm, signature)),
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString()
  }
}
