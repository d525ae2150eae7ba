import assert from 'node:assert/strict'
import { test } from 'node:test'
import { base64, base64url, concat, equal, fromBase64, fromBase64url, fromHex, hex, utf8 } from './bytes'

test('base64 of RFC 4648 §10, both alphabets', () => {
  assert.equal(base64(utf8('foobar')), 'Zm9vYmFy')
  assert.equal(base64(utf8('fooba')), 'Zm9vYmE=')
  assert.equal(base64url(Uint8Array.of(0xfb, 0xff, 0xfe)), '-__-')
  assert.deepEqual(fromBase64url('-__-'), Uint8Array.of(0xfb, 0xff, 0xfe))
  assert.deepEqual(fromBase64('Zm9vYmE='), utf8('fooba'))
})

test('one value has one spelling', () => {
  for (const text of ['Zg', 'Zh==', 'Z g=', 'Zm9vYmE']) assert.throws(() => fromBase64(text), text)
  for (const text of ['Zh', 'Zg==', 'Z', 'Zm9v\n', 'Zm+v', 'Zm/v']) assert.throws(() => fromBase64url(text), text)
  assert.deepEqual(fromBase64url('Zg'), utf8('f'))
})

test('hexadecimal there and back', () => {
  assert.equal(hex(fromHex('00ff10ab')), '00ff10ab')
  assert.throws(() => fromHex('0'))
  assert.throws(() => fromHex('zz'))
})

test('concat and equal', () => {
  assert.ok(equal(concat(utf8('ab'), utf8(''), utf8('c')), utf8('abc')))
  assert.ok(!equal(utf8('abc'), utf8('abd')))
  assert.ok(!equal(utf8('abc'), utf8('ab')))
})
