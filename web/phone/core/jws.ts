// The signature of a statement: compact JWS (RFC 7515) over exactly the bytes
// that the server sent. The phone never writes the statement anew.
import { base64, base64url, concat, utf8, type Bytes } from './bytes'
import type { Signer } from './keys'

export const statementType = 'certlink-statement+jws'

// With the holder's certificate, the leaf first.
export function signWithCertificate(signer: Signer, chain: Uint8Array[], statement: Uint8Array): Promise<string> {
  return compact(signer, { alg: signer.algorithm, typ: statementType, x5c: chain.map(base64) }, statement)
}

// With the device's key, where there is no certificate yet.
export function signWithDevice(device: Signer, jwk: PublicJwk, statement: Uint8Array): Promise<string> {
  return compact(device, { alg: device.algorithm, typ: statementType, jwk }, statement)
}

export interface PublicJwk {
  kty: 'EC'
  crv: 'P-256'
  x: string
  y: string
}

export async function compact(signer: Signer, header: object, payload: Uint8Array): Promise<string> {
  const head = base64url(utf8(JSON.stringify(header)))
  const body = base64url(payload)
  const input: Bytes = concat(utf8(head), utf8('.'), utf8(body))
  return `${head}.${body}.${base64url(await signer.sign(input))}`
}
