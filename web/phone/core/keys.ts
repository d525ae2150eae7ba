// Signing keys. A fresh one exists in memory only until the PIN has wrapped it
// (see wrap.ts); whoever holds one can sign with it and nothing else.
import type { Bytes } from './bytes'
import * as sm2 from './sm2'
import { keyName, spkiOf, type Algorithm } from './spki'

export interface Signer {
  algorithm: Algorithm
  sign(message: Uint8Array): Promise<Bytes> // r‖s, 64 bytes
}

export interface FreshKey extends Signer {
  spki: Bytes
  name: string // public_key_sha256
  // What there is to wrap: the browser's own key, or the SM2 number.
  secret: CryptoKey | Bytes
  // Overwrites what can be overwritten.
  forget(): void
}

const es256 = { name: 'ECDSA', hash: 'SHA-256' } as const
export const p256 = { name: 'ECDSA', namedCurve: 'P-256' } as const

export async function newKey(algorithm: Algorithm): Promise<FreshKey> {
  if (algorithm === 'SM2SM3') {
    const scalar = sm2.newScalar()
    const spki = spkiOf(algorithm, sm2.publicPoint(scalar))
    return { ...sm2Signer(scalar), spki, name: await keyName(spki), secret: scalar, forget: () => void scalar.fill(0) }
  }
  if (algorithm !== 'ES256') throw new Error('an algorithm that this app does not have')
  // Extractable, or it could not be wrapped; the bytes stay inside the browser
  // all the same, since wrapKey exports and encrypts in one step.
  const pair = await crypto.subtle.generateKey(p256, true, ['sign', 'verify'])
  const spki = new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey))
  return { ...p256Signer(pair.privateKey), spki, name: await keyName(spki), secret: pair.privateKey, forget: () => {} }
}

export function p256Signer(key: CryptoKey): Signer {
  return {
    algorithm: 'ES256',
    sign: async (message) => new Uint8Array(await crypto.subtle.sign(es256, key, message as Bytes)),
  }
}

export function sm2Signer(scalar: Bytes): Signer {
  return { algorithm: 'SM2SM3', sign: async (message) => sm2.sign(scalar, message) }
}
