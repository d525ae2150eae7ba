import assert from 'node:assert/strict'
import { createHash, createPublicKey, verify } from 'node:crypto'
import { test } from 'node:test'
import { utf8 } from './bytes'
import { newDeviceKey, proof, thumbprint } from './dpop'

const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString())

test('a proof is for one request, and its signature holds', async () => {
  const key = await newDeviceKey()
  assert.equal(key.privateKey.extractable, false)
  const body = utf8('{"name":"手机"}')
  const jwt = await proof(key, { method: 'POST', url: 'https://ca.example/v1/phone/devices', body, nonce: 'n1', now: 1_795_413_900_500 })
  const [head, claims, signature] = jwt.split('.') as [string, string, string]
  assert.deepEqual(read(head), { typ: 'dpop+jwt', alg: 'ES256', jwk: key.jwk })
  const { jti, ...rest } = read(claims)
  assert.match(jti, /^[A-Za-z0-9_-]{22}$/)
  assert.deepEqual(rest, {
    htm: 'POST',
    htu: 'https://ca.example/v1/phone/devices',
    iat: 1_795_413_900,
    bh: createHash('sha256').update(body).digest('base64url'),
    nonce: 'n1',
  })
  const pub = createPublicKey({ key: key.jwk as never, format: 'jwk' })
  assert.ok(verify('sha256', Buffer.from(`${head}.${claims}`), { key: pub, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url')))
})

test('an empty body is hashed as the empty string; no nonce, no claim', async () => {
  const key = await newDeviceKey()
  const jwt = await proof(key, { method: 'GET', url: 'https://ca.example/v1/phone/device', body: utf8(''), nonce: undefined, now: 0 })
  const claims = read(jwt.split('.')[1]!)
  assert.equal(claims.bh, '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU')
  assert.ok(!('nonce' in claims))
})

test('thumbprint of RFC 7638, for the key of RFC 7517 A.1', async () => {
  const jwk = { kty: 'EC', crv: 'P-256', x: 'MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4', y: '4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM' } as const
  const wanted = createHash('sha256').update('{"crv":"P-256","kty":"EC","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}').digest('base64url')
  assert.equal(await thumbprint(jwk), wanted)
})
