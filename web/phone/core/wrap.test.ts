import assert from 'node:assert/strict'
import { hkdfSync, pbkdf2Sync, webcrypto } from 'node:crypto'
import { test } from 'node:test'
import { base64url, fromBase64url, fromHex, hex, utf8 } from './bytes'
import { newKey } from './keys'
import * as sm2 from './sm2'
import { labels, newSalt, rewrap, rounds, stretch, unwrap, verifierOf, weakPin, wrap, wrappingKey } from './wrap'

const salt = fromHex('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f')
const pepper = fromHex('ff'.repeat(32))

test('derivations are the documented ones', async () => {
  assert.ok(rounds >= 600_000)
  const stretched = await stretch('480913', salt)
  assert.equal(hex(stretched), pbkdf2Sync('480913', salt, 600_000, 32, 'sha256').toString('hex'))
  const verifier = await verifierOf(stretched)
  assert.equal(verifier, Buffer.from(hkdfSync('sha256', stretched, '', labels.verifier, 32)).toString('base64url'))
  assert.equal(verifier.length, 43)

  // The wrapping key itself never leaves the browser: decrypt with one made by hand.
  const by = Buffer.from(hkdfSync('sha256', Buffer.concat([stretched, pepper]), '', labels.wrapping, 32))
  assert.notEqual(by.toString('base64url'), verifier)
  const key = await newKey('SM2SM3')
  const w = await wrap(key, await wrappingKey(stretched, pepper))
  const aes = await webcrypto.subtle.importKey('raw', by, 'AES-GCM', false, ['decrypt'])
  const additionalData = utf8(`${labels.key}\0SM2SM3\0${key.name}`)
  const secret = await webcrypto.subtle.decrypt({ name: 'AES-GCM', iv: fromBase64url(w.iv), additionalData }, aes, fromBase64url(w.data))
  assert.deepEqual(new Uint8Array(secret), key.secret)
})

test('a P-256 key comes back unextractable, and signs', async () => {
  const under = await wrappingKey(await stretch('480913', salt, 1000), pepper)
  const fresh = await newKey('ES256')
  const w = await wrap(fresh, under)
  const opened = await unwrap(w, under)
  const message = utf8('what was signed')
  const signature = await opened.sign(message)
  assert.equal(signature.length, 64)
  const pub = await crypto.subtle.importKey('spki', fresh.spki, { name: 'ECDSA', namedCurve: 'P-256' }, true, ['verify'])
  assert.ok(await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, pub, signature, message))
  assert.ok(!Object.values(opened).some((v) => v instanceof Object && 'extractable' in v && v.extractable))
})

test('an SM2 key comes back, signs, and can be overwritten', async () => {
  const under = await wrappingKey(await stretch('480913', salt, 1000), pepper)
  const fresh = await newKey('SM2SM3')
  const opened = await unwrap(await wrap(fresh, under), under)
  const message = utf8('what was signed')
  assert.ok(sm2.verify(fresh.spki.slice(-65), message, await opened.sign(message)))
  fresh.forget()
  assert.deepEqual(fresh.secret, new Uint8Array(32))
})

test('another PIN, another pepper, another salt, another name: nothing opens', async () => {
  const stretched = await stretch('480913', salt, 1000)
  const under = await wrappingKey(stretched, pepper)
  const w = await wrap(await newKey('SM2SM3'), under)
  const wrong = [
    await wrappingKey(await stretch('480914', salt, 1000), pepper),
    await wrappingKey(await stretch('480913', newSalt(), 1000), pepper),
    await wrappingKey(stretched, fromHex('fe'.repeat(32))),
  ]
  for (const key of wrong) await assert.rejects(unwrap(w, key))
  await assert.rejects(unwrap({ ...w, name: base64url(salt) }, under))
  await assert.rejects(unwrap({ ...w, algorithm: 'ES256' }, under))
  await unwrap(w, under)
  await assert.rejects(wrappingKey(stretched, fromHex('ff')))
})

test('a change of the PIN keeps the key and retires the old wrapping', async () => {
  for (const algorithm of ['ES256', 'SM2SM3'] as const) {
    const from = await wrappingKey(await stretch('480913', salt, 1000), pepper)
    const to = await wrappingKey(await stretch('770215', salt, 1000), pepper)
    const w = await wrap(await newKey(algorithm), from)
    const again = await rewrap(w, from, to)
    assert.notEqual(again.iv, w.iv)
    await assert.rejects(unwrap(again, from))
    await (await unwrap(again, to)).sign(utf8('x'))
  }
})

test('PINs that a thief tries first', () => {
  for (const pin of ['111111', '000000', '123456', '654321', '012345', '567890', '121212', '123123', '112233', '111222', '123321', '147258']) assert.ok(weakPin(pin), pin)
  for (const pin of ['480913', '207316', '951204', '386027', '100200']) assert.ok(!weakPin(pin), pin)
})
