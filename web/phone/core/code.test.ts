import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cleanTyped, readLink, readTyped } from './code'

const origin = 'https://ca.example'
const token = 'AAAAAAAAAAAAAAAAAAAAAA'
const mac = 'bbbbbbbbbbbbbbbbbbbbbb'

test('a code of this server, with its purpose', () => {
  for (const [letter, purpose] of [['b', 'bind'], ['e', 'enroll'], ['x', 'extend'], ['z', undefined]] as const) {
    const code = `${origin}/q/${letter}${token}.17.${mac}`
    assert.deepEqual(readLink(code, origin), { kind: 'ours', code, purpose })
  }
  const link = `${origin}/q/b${token}.LabcdefghijkABCDEFGHIJK.${mac}`
  assert.equal(readLink(link, origin).kind, 'ours')
})

test('what only looks like one', () => {
  for (const code of [
    `${origin}/q/b${token}.17`,
    `${origin}/q/b${token}.17.${mac}x`,
    `${origin}/q/b${token}.-1.${mac}`,
    `${origin}/q/b${token}.17.${mac}?next=evil`,
    `${origin}/q/`,
  ]) assert.equal(readLink(code, origin).kind, 'broken', code)
})

test('codes of another server are named by their host', () => {
  const rest = `/q/b${token}.17.${mac}`
  assert.deepEqual(readLink('https://evil.example' + rest, origin), { kind: 'elsewhere', host: 'evil.example' })
  // The origin must be the whole origin, not a prefix of it.
  assert.deepEqual(readLink('https://ca.example.evil.example' + rest, origin), { kind: 'elsewhere', host: 'ca.example.evil.example' })
  assert.deepEqual(readLink('http://ca.example' + rest, origin), { kind: 'elsewhere', host: 'ca.example' })
  assert.equal(readLink('https://ca.example@evil.example' + rest, origin).kind, 'foreign')
  for (const text of ['', 'hello', 'https://pay.example/x', 'weixin://wxpay/bizpayurl?pr=1']) assert.equal(readLink(text, origin).kind, 'foreign', text)
})

test('a typed code, however it was typed', () => {
  for (const typed of ['7K3QX-M2P9T', '7k3qx m2p9t', '7k3qxm2p9t', ' ７Ｋ３ＱＸ－Ｍ２Ｐ９Ｔ ', '7K3QX—M2P9T']) assert.equal(readTyped(typed), '7K3QX-M2P9T', typed)
  // Crockford: O is 0, I and L are 1.
  assert.equal(readTyped('OoIiL-lABCD'), '00111-1ABCD')
  assert.equal(readTyped('7K3QX-M2P9'), undefined)
  assert.equal(cleanTyped('7k3'), '7K3')
  assert.equal(cleanTyped('7k3qxm'), '7K3QX-M')
  // U does not exist in the alphabet, and neither does an eleventh character.
  assert.equal(cleanTyped('u7k3qxm2p9tz'), '7K3QX-M2P9T')
})
