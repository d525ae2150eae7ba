// The encryption half of a pair of certificates. Its key decrypts and never
// signs: it is wrapped under a label of its own, so that no code of this app can
// take it for a signing key.
import { sm2 as sm, sm4 } from 'sm-crypto-v2'
import { equal, fromBase64, fromHex, hex, type Bytes } from './bytes'
import { Reader, Tag, readOid } from './der'
import type { CertificateView } from './model'
import * as sm2 from './sm2'
import { keyName, spkiOf, type Algorithm } from './spki'
import { withSecret, wrap, type Wrapped } from './wrap'
import { keyNameOf, parseCertificate } from './x509'

export interface TwinRecord {
  der: Bytes
  maker: string // authority, holder
  escrowed: boolean
  envelope?: Bytes // holds the key, until it has been opened
  keys: Wrapped[] // none while it lies in the envelope
}

// A fresh encryption key, until it is wrapped.
export interface FreshTwin {
  algorithm: Algorithm
  spki: Bytes
  name: string // public_key_sha256
  secret: CryptoKey | Bytes
}

const ecdh = { name: 'ECDH', namedCurve: 'P-256' } as const

// newTwin makes a P-256 pair that agrees on keys; for SM2 the authority makes it.
export async function newTwin(): Promise<FreshTwin> {
  const pair = await crypto.subtle.generateKey(ecdh, true, ['deriveBits'])
  const spki = new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey))
  return { algorithm: 'ES256', spki, name: await keyName(spki), secret: pair.privateKey }
}

export const wrapTwin = (key: FreshTwin, under: CryptoKey) => wrap(key, under, 'decrypt')

// twinOf reads what the server says of the encryption half; keys are those that
// this phone has made for it.
export async function twinOf(said: CertificateView['encryption'], keys: Wrapped[] = []): Promise<TwinRecord | undefined> {
  if (!said) return undefined
  const der = fromBase64(said.certificate)
  const name = await keyNameOf(parseCertificate(der))
  return {
    der,
    maker: said.maker,
    escrowed: said.escrowed,
    ...(said.envelope ? { envelope: fromBase64(said.envelope) } : {}),
    keys: keys.filter((k) => k.name === name),
  }
}

const sm4Ciphers = ['1.2.156.10197.1.104', '1.2.156.10197.1.104.1']
const orderMinusOne = 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54122n

// readEnvelope opens an SM2EnvelopedKey (GM/T 0009) with the signing key: an SM4
// key encrypted to it, and the private key encrypted with that. What comes out is
// taken only if its public half is the one in the envelope.
export async function readEnvelope(envelope: Bytes, signing: Uint8Array): Promise<FreshTwin> {
  const all = new Reader(envelope)
  const outer = all.enter()
  all.end()
  const how = outer.enter()
  if (!sm4Ciphers.includes(readOid(how.next(Tag.oid).body))) throw new Error('an envelope by another algorithm than SM4')
  const sealedKey = outer.next(Tag.sequence).raw
  const point = bits(outer.next(Tag.bitString).body)
  const sealed = bits(outer.next(Tag.bitString).body)
  outer.end()
  if (sealed.length !== 32 && sealed.length !== 64) throw new Error('a private key of another length')
  const key = sm.doDecrypt(hex(sealedKey), hex(signing), 1, { asn1: true, output: 'array' })
  if (key.length !== 16) throw new Error('the envelope is not for this key')
  const plain = sm4.decrypt(sealed, key as Uint8Array, { mode: 'ecb', padding: 'none', output: 'array' })
  key.fill(0)
  // 64 bytes: the number, filled up in front (the form of U-Key interfaces).
  const scalar = fromHex(hex(plain.subarray(plain.length - 32)))
  const n = BigInt('0x' + hex(scalar))
  if (plain.subarray(0, plain.length - 32).some((b) => b !== 0) || n < 1n || n > orderMinusOne) throw new Error('not a private key')
  plain.fill(0)
  if (!equal(sm2.publicPoint(scalar), point)) throw new Error('the key in the envelope does not belong to its public key')
  const spki = spkiOf('SM2SM3', point)
  return { algorithm: 'SM2SM3', spki, name: await keyName(spki), secret: scalar }
}

function bits(body: Bytes): Bytes {
  if (body[0] !== 0) throw new Error('DER: a bit string of parts of bytes')
  return body.subarray(1)
}

// openTwin takes the key out of the envelope, compares it with the certificate,
// and wraps it. signing are the wrappings of the signing key.
export async function openTwin(twin: TwinRecord, signing: Wrapped[], under: CryptoKey): Promise<TwinRecord> {
  if (!twin.envelope || twin.keys.length > 0) return twin
  const envelope = twin.envelope
  for (const key of signing) {
    const fresh = await withSecret(key, under, (scalar) => readEnvelope(envelope, scalar)).catch((e: unknown) => {
      if (e instanceof DOMException) return undefined // under another PIN: the next one
      throw e
    })
    if (!fresh) continue
    if (fresh.name !== (await keyNameOf(parseCertificate(twin.der)))) throw new Error('the envelope holds the key of another certificate')
    const wrapped = await wrapTwin(fresh, under)
    if (fresh.secret instanceof Uint8Array) fresh.secret.fill(0)
    const { envelope: _, ...rest } = twin
    return { ...rest, keys: [wrapped] }
  }
  return twin
}

// decrypt opens what was encrypted to an SM2 certificate (GM/T 0009 SM2Cipher).
export async function decrypt(w: Wrapped, under: CryptoKey, cipher: Uint8Array): Promise<Bytes> {
  if (w.algorithm !== 'SM2SM3' || w.use !== 'decrypt') throw new Error('not a key for this')
  return withSecret(w, under, async (scalar) => fromHex(hex(sm.doDecrypt(hex(cipher), hex(scalar), 1, { asn1: true, output: 'array' }))))
}

// agree is what a P-256 key for encryption does: it agrees on a secret with the
// other side's key (a point, uncompressed). The browser keeps the key.
export async function agree(w: Wrapped, under: CryptoKey, peer: Bytes): Promise<Bytes> {
  if (w.algorithm !== 'ES256' || w.use !== 'decrypt') throw new Error('not a key for this')
  const other = await crypto.subtle.importKey('raw', peer, ecdh, false, [])
  const mine = await withSecret(w, under, (pkcs8) => crypto.subtle.importKey('pkcs8', pkcs8 as Bytes, ecdh, false, ['deriveBits']))
  return new Uint8Array(await crypto.subtle.deriveBits({ name: 'ECDH', public: other }, mine, 256))
}
