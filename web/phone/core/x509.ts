// What the app shows of a certificate, read from its DER (RFC 5280). It judges
// nothing: chains and revocation are the server's to check.
import { hex, sha256, type Bytes } from './bytes'
import { Reader, readOid, readString, readTime, Tag } from './der'
import { ids, keyName, type Algorithm } from './spki'

export interface Certificate {
  raw: Bytes
  serial: string // upper-case hexadecimal
  subject: Attribute[]
  issuer: Attribute[]
  notBefore: number // milliseconds since 1970
  notAfter: number
  spki: Bytes
  algorithm: Algorithm | 'RS256' | string // of the key; an identifier where it is none we know
}

export interface Attribute {
  type: string // CN, O, … or the identifier
  value: string
}

const names: Record<string, string> = {
  '2.5.4.3': 'CN',
  '2.5.4.4': 'SN',
  '2.5.4.5': 'serialNumber',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '2.5.4.12': 'title',
  '2.5.4.42': 'GN',
  '2.5.4.97': 'organizationIdentifier',
  '0.9.2342.19200300.100.1.1': 'UID',
  '1.2.840.113549.1.9.1': 'emailAddress',
}

export const maxCertificate = 16 << 10

export function parseCertificate(der: Bytes): Certificate {
  if (der.length > maxCertificate) throw new Error('a certificate too large')
  const all = new Reader(der)
  const outer = all.enter()
  all.end()
  const tbs = outer.enter()
  if (tbs.peek() === 0xa0) tbs.next() // version
  const serial = tbs.next(Tag.integer).body
  tbs.next(Tag.sequence) // signature algorithm
  const issuer = readName(tbs.enter())
  const validity = tbs.enter()
  const notBefore = readTime(validity.next())
  const notAfter = readTime(validity.next())
  const subject = readName(tbs.enter())
  const spki = tbs.next(Tag.sequence).raw
  return { raw: der, serial: hex(serial).replace(/^00(?=.)/, '').toUpperCase(), subject, issuer, notBefore, notAfter, spki, algorithm: algorithmOf(spki) }
}

function readName(name: Reader): Attribute[] {
  const out: Attribute[] = []
  while (!name.done) {
    const group = name.enter(Tag.set)
    while (!group.done) {
      const pair = group.enter()
      const type = readOid(pair.next(Tag.oid).body)
      const node = pair.next()
      let value: string
      try {
        value = readString(node)
      } catch {
        value = '#' + hex(node.raw) // RFC 4514 §2.4: what is no string is shown as it is
      }
      out.push({ type: names[type] ?? type, value })
    }
  }
  return out
}

function algorithmOf(spki: Bytes): string {
  const how = new Reader(spki).enter().enter()
  const kind = readOid(how.next(Tag.oid).body)
  if (kind === ids.sm2) return 'SM2SM3' // GM/T 0015-2023 names the key by its curve
  if (kind === '1.2.840.113549.1.1.1') return 'RS256'
  if (kind !== ids.ecPublicKey || how.peek() !== Tag.oid) return kind
  const curve = readOid(how.next(Tag.oid).body)
  if (curve === ids.p256) return 'ES256'
  if (curve === ids.sm2) return 'SM2SM3'
  return curve
}

export function attribute(of: Attribute[], type: string): string {
  return of.find((a) => a.type === type)?.value ?? ''
}

// nameText writes a name the way people read one, the most particular first.
export function nameText(of: Attribute[]): string {
  return [...of].reverse().map((a) => `${a.type}=${a.value}`).join(', ')
}

export function keyNameOf(certificate: Certificate): Promise<string> {
  return keyName(certificate.spki)
}

// fingerprint is how the server calls a certificate: SHA-256 of the DER.
export async function fingerprint(der: Uint8Array): Promise<string> {
  return hex(await sha256(der))
}

