// The PIN and what it protects.
//
//	stretched = PBKDF2-HMAC-SHA-256(PIN, the device's salt, 600,000 rounds), 32 bytes
//	verifier  = HKDF-SHA-256(stretched, info "certlink pin verifier v1"), 32 bytes, for the server
//	wrapping  = HKDF-SHA-256(stretched ‖ pepper, info "certlink pin wrapping key v1"), an AES-256-GCM key
//
// The pepper is the server's; it gives it out only to this device and only for the
// right verifier, and stops after five wrong ones. So a stolen phone cannot try
// PINs by itself, and a stolen server, which knows neither salt nor wrapped key,
// cannot sign.
import { base64url, fromBase64url, concat, random, utf8, type Bytes } from './bytes'
import { p256, p256Signer, sm2Signer, type FreshKey, type Signer } from './keys'
import type { Algorithm } from './spki'

export const rounds = 600_000
export const labels = { verifier: 'certlink pin verifier v1', wrapping: 'certlink pin wrapping key v1', key: 'certlink key v1' } as const

export interface Wrapped {
  algorithm: Algorithm
  name: string // public_key_sha256
  iv: string
  data: string // AES-GCM of PKCS#8 (P-256) or of the 32 bytes of the number (SM2)
  use?: 'decrypt' // of an encryption certificate; without it, for signing
}

export const newSalt = () => random(32)

export async function stretch(pin: string, salt: Bytes, times = rounds): Promise<Bytes> {
  const typed = utf8(pin)
  const key = await crypto.subtle.importKey('raw', typed, 'PBKDF2', false, ['deriveBits'])
  typed.fill(0)
  return new Uint8Array(await crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt, iterations: times }, key, 256))
}

export async function verifierOf(stretched: Bytes): Promise<string> {
  const key = await crypto.subtle.importKey('raw', stretched, 'HKDF', false, ['deriveBits'])
  return base64url(new Uint8Array(await crypto.subtle.deriveBits(hkdf(labels.verifier), key, 256)))
}

export async function wrappingKey(stretched: Bytes, pepper: Bytes): Promise<CryptoKey> {
  if (pepper.length < 16) throw new Error('a pepper too short')
  const both = concat(stretched, pepper)
  const key = await crypto.subtle.importKey('raw', both, 'HKDF', false, ['deriveKey'])
  both.fill(0)
  return crypto.subtle.deriveKey(hkdf(labels.wrapping), key, { name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey'])
}

function hkdf(info: string) {
  return { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info: utf8(info) }
}

function gcm(iv: Bytes, algorithm: Algorithm, name: string, use?: 'decrypt') {
  // What the key is stands under the seal, so that one wrapped key cannot be
  // passed off as another.
  return { name: 'AES-GCM', iv, additionalData: utf8(`${labels.key}\0${algorithm}\0${name}${use ? `\0${use}` : ''}`) }
}

export async function wrap(key: Pick<FreshKey, 'algorithm' | 'name' | 'secret'>, under: CryptoKey, use?: 'decrypt'): Promise<Wrapped> {
  const iv = random(12)
  const how = gcm(iv, key.algorithm, key.name, use)
  const data =
    key.secret instanceof Uint8Array
      ? await crypto.subtle.encrypt(how, under, key.secret)
      : await crypto.subtle.wrapKey('pkcs8', key.secret, under, how)
  return { algorithm: key.algorithm, name: key.name, iv: base64url(iv), data: base64url(new Uint8Array(data)), ...(use ? { use } : {}) }
}

// Opened signs until it is forgotten.
export interface Opened extends Signer {
  forget(): void
}

// unwrap fails where the wrapping key is not the one that sealed it.
export async function unwrap(w: Wrapped, under: CryptoKey): Promise<Opened> {
  const how = gcm(fromBase64url(w.iv), w.algorithm, w.name)
  const data = fromBase64url(w.data)
  if (w.algorithm === 'ES256') {
    const key = await crypto.subtle.unwrapKey('pkcs8', data, under, how, p256, false, ['sign'])
    return { ...p256Signer(key), forget: () => {} }
  }
  const scalar = new Uint8Array(await crypto.subtle.decrypt(how, under, data))
  return { ...sm2Signer(scalar), forget: () => void scalar.fill(0) }
}

// withSecret opens a key for as long as f runs, and overwrites it then.
export async function withSecret<T>(w: Wrapped, under: CryptoKey, f: (secret: Uint8Array) => Promise<T>): Promise<T> {
  const secret = new Uint8Array(await crypto.subtle.decrypt(gcm(fromBase64url(w.iv), w.algorithm, w.name, w.use), under, fromBase64url(w.data)))
  try {
    return await f(secret)
  } finally {
    secret.fill(0)
  }
}

// rewrap puts a key under another wrapping key, for a change of the PIN.
export async function rewrap(w: Wrapped, from: CryptoKey, to: CryptoKey): Promise<Wrapped> {
  const secret = new Uint8Array(await crypto.subtle.decrypt(gcm(fromBase64url(w.iv), w.algorithm, w.name, w.use), from, fromBase64url(w.data)))
  const iv = random(12)
  const data = await crypto.subtle.encrypt(gcm(iv, w.algorithm, w.name, w.use), to, secret)
  secret.fill(0)
  return { ...w, iv: base64url(iv), data: base64url(new Uint8Array(data)) }
}

// weakPin tells the PINs that a thief tries first.
export function weakPin(pin: string): boolean {
  const d = [...pin].map(Number)
  const steps = d.slice(1).map((n, i) => n - d[i]!)
  const oneStep = steps.every((s) => s === steps[0]) && Math.abs(steps[0]!) <= 1 // 111111, 123456, 654321
  const repeats = pin === pin.slice(0, 2).repeat(3) || pin === pin.slice(0, 3).repeat(2) // 121212, 123123
  const pairs = /^(\d)\1(\d)\2(\d)\3$/.test(pin) || /^(\d)\1\1(\d)\2\2$/.test(pin) // 112233, 111222
  const mirrored = pin === [...pin].reverse().join('') && Math.abs(steps[0]!) === 1 // 123321
  const wraps = '01234567890123456789'.includes(pin) || '98765432109876543210'.includes(pin) // 567890, 210987
  return oneStep || repeats || pairs || mirrored || wraps || ['520131', '131452', '147258', '159357', '168168', '789456', '147852'].includes(pin)
}
