// SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) of the two kinds of key that this
// app makes, and the name by which a statement calls a key.
import { base64url, sha256, type Bytes } from './bytes'
import { bitString, oid, sequence } from './der'

export type Algorithm = 'ES256' | 'SM2SM3'

export const ids = {
  ecPublicKey: '1.2.840.10045.2.1',
  p256: '1.2.840.10045.3.1.7',
  sm2: '1.2.156.10197.1.301',
  ecdsaWithSHA256: '1.2.840.10045.4.3.2',
  sm2WithSM3: '1.2.156.10197.1.501',
} as const

// spkiOf takes an uncompressed point.
export function spkiOf(algorithm: Algorithm, point: Uint8Array): Bytes {
  if (point.length !== 65 || point[0] !== 4) throw new Error('not an uncompressed point')
  return sequence(sequence(oid(ids.ecPublicKey), oid(algorithm === 'ES256' ? ids.p256 : ids.sm2)), bitString(point))
}

// keyName is public_key_sha256: base64url of SHA-256 over the DER.
export async function keyName(spki: Uint8Array): Promise<string> {
  return base64url(await sha256(spki))
}
