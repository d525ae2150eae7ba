// A certificate request (PKCS#10, RFC 2986): the proof that this phone holds
// the private key. The authority takes nothing from it but the key.
import { tlv, bitString, integer, oid, sequence, set, utf8String } from './der'
import { ids } from './spki'
import type { Bytes } from './bytes'
import type { FreshKey } from './keys'

// The attribute that carries a second key, for the encryption certificate of a
// pair. The first key's signature covers it.
const secondKey = '1.2.840.113549.1.9.63'

export async function certificateRequest(key: Pick<FreshKey, 'algorithm' | 'spki' | 'sign'>, commonName: string, second?: Uint8Array): Promise<Bytes> {
  const name = sequence(set(sequence(oid('2.5.4.3'), utf8String(commonName))))
  const attributes = second ? tlv(0xa0, sequence(oid(secondKey), set(second))) : tlv(0xa0)
  const info = sequence(integer(Uint8Array.of(0)), name, key.spki, attributes)
  const how = oid(key.algorithm === 'ES256' ? ids.ecdsaWithSHA256 : ids.sm2WithSM3)
  return sequence(info, sequence(how), bitString(signatureDER(await key.sign(info))))
}

// signatureDER writes r‖s the way X.509 wants it: SEQUENCE { r, s }.
export function signatureDER(rs: Uint8Array): Bytes {
  if (rs.length !== 64) throw new Error('not a signature of 64 bytes')
  return sequence(integer(rs.subarray(0, 32)), integer(rs.subarray(32)))
}

// commonNameOf reads the name that the server proposes ("CN=张伟").
export function commonNameOf(subject: string | undefined): string {
  const name = /^CN=(.{1,64})$/su.exec(subject ?? '')
  return name ? name[1]! : 'certlink'
}
