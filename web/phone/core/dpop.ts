// The device's key and its proof on each call (RFC 9449), with the hash of the
// body besides, so that a proof is worth nothing for another request.
import { base64url, random, sha256, utf8, type Bytes } from './bytes'
import { compact, type PublicJwk } from './jws'
import { p256, p256Signer } from './keys'

export interface DeviceKey {
  id: string // RFC 7638 thumbprint
  jwk: PublicJwk
  privateKey: CryptoKey
}

// newDeviceKey makes a key that no script can read out, this one included.
export async function newDeviceKey(): Promise<DeviceKey> {
  const pair = await crypto.subtle.generateKey(p256, false, ['sign', 'verify'])
  const { x, y } = await crypto.subtle.exportKey('jwk', pair.publicKey)
  const jwk: PublicJwk = { kty: 'EC', crv: 'P-256', x: x!, y: y! }
  return { id: await thumbprint(jwk), jwk, privateKey: pair.privateKey }
}

// thumbprint: the required members only, in alphabetical order (RFC 7638 §3.2).
export async function thumbprint({ crv, kty, x, y }: PublicJwk): Promise<string> {
  return base64url(await sha256(utf8(JSON.stringify({ crv, kty, x, y }))))
}

export interface Call {
  method: string
  url: string // origin and path, without the query
  body: Bytes
  nonce: string | undefined
  now: number // the server's time, in milliseconds
}

export async function proof(key: DeviceKey, call: Call): Promise<string> {
  const claims = {
    jti: base64url(random(16)),
    htm: call.method,
    htu: call.url,
    iat: Math.floor(call.now / 1000),
    bh: base64url(await sha256(call.body)),
    ...(call.nonce === undefined ? {} : { nonce: call.nonce }),
  }
  return compact(p256Signer(key.privateKey), { typ: 'dpop+jwt', alg: 'ES256', jwk: key.jwk }, utf8(JSON.stringify(claims)))
}
