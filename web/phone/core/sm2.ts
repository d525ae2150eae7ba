// SM2 with SM3 (GB/T 32918). Browsers have no such algorithm, so it is a
// library's; its keys are numbers in memory and can be copied, unlike the
// P-256 keys, which the browser itself keeps. The keys page says so.
import { sm2 } from 'sm-crypto-v2'
import { fromHex, hex, random, type Bytes } from './bytes'

// The default distinguishing identifier of GM/T 0009; never an empty one.
const identifier = '1234567812345678'

// The order of the curve.
const order = 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123n

// newScalar draws a private key d with 1 ≤ d ≤ n − 2 (GB/T 32918.1 §6.1).
export function newScalar(): Bytes {
  for (;;) {
    const d = random(32)
    const n = BigInt('0x' + hex(d))
    if (n >= 1n && n <= order - 2n) return d
  }
}

// publicPoint is the point of a private key, uncompressed (65 bytes).
export function publicPoint(scalar: Uint8Array): Bytes {
  return fromHex(sm2.getPublicKeyFromPrivateKey(hex(scalar)))
}

// sign answers r‖s, 64 bytes.
export function sign(scalar: Uint8Array, message: Uint8Array): Bytes {
  const d = hex(scalar)
  const publicKey = sm2.getPublicKeyFromPrivateKey(d)
  return fromHex(sm2.doSignature(message, d, { hash: true, der: false, publicKey, userId: identifier }))
}

export function verify(point: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== 64) return false
  return sm2.doVerifySignature(message, hex(signature), hex(point), { hash: true, der: false, userId: identifier })
}
