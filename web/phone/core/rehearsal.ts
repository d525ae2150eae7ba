// The decryption rehearsal: a challenge encrypted to the key that bids are encrypted
// to, opened here, proves that they can still be read.
import type { Api } from './api'
import { base64, fromBase64, type Bytes } from './bytes'
import type { CertificateRecord } from './db'
import { agree, decrypt } from './twin'
import type { Wrapped } from './wrap'

interface Rehearsal {
  id: string
  state: 'asked' | 'passed' | 'failed'
  algorithm: string
  ciphertext?: string
}

const pointLength = 65
const nonceLength = 12

// open decrypts a challenge: SM2, or the P-256 form of the API document.
export async function open(key: Wrapped, under: CryptoKey, sealed: Bytes): Promise<Bytes> {
  if (key.algorithm === 'SM2SM3') return decrypt(key, under, sealed)
  const point = sealed.slice(0, pointLength)
  const shared = await crypto.subtle.importKey('raw', await agree(key, under, point), 'HKDF', false, ['deriveKey'])
  const info = new TextEncoder().encode('certlink rehearsal')
  const gcm = await crypto.subtle.deriveKey({ name: 'HKDF', hash: 'SHA-256', salt: point, info }, shared, { name: 'AES-GCM', length: 256 }, false, ['decrypt'])
  const iv = sealed.slice(pointLength, pointLength + nonceLength)
  return new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv }, gcm, sealed.slice(pointLength + nonceLength)))
}

// rehearse asks for a challenge and answers it; whether the server found it right.
export async function rehearse(api: Api, record: CertificateRecord, under: CryptoKey): Promise<boolean> {
  const asked = await api.call<Rehearsal>('POST', `/v1/phone/certificates/${record.id}/rehearsals`, { body: {} })
  const sealed = fromBase64(asked.ciphertext ?? '')
  for (const key of record.twin?.keys ?? []) {
    const plain = await open(key, under, sealed).catch(() => undefined) // under the PIN before a change: the next one
    if (!plain) continue
    const answered = await api.call<Rehearsal>('POST', `/v1/phone/rehearsals/${asked.id}`, { body: { plaintext: base64(plain) } })
    return answered.state === 'passed'
  }
  return false
}
