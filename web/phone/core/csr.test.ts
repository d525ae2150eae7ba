import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash, createPublicKey, verify } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { concat, fromBase64url, fromHex, hex, utf8 } from './bytes'
import { certificateRequest, commonNameOf, signatureDER } from './csr'
import { integer, oid, readOid, Reader } from './der'
import { newKey } from './keys'
import { compact, signWithCertificate, signWithDevice, statementType } from './jws'
import { newDeviceKey } from './dpop'
import { p256Signer } from './keys'
import * as sm2 from './sm2'
import { attribute, fingerprint, keyNameOf, nameText, parseCertificate } from './x509'

// OpenSSL is the second opinion on every byte. In CI it must be there.
const openssl = spawnSync('openssl', ['version']).status === 0
if (!openssl && process.env.CI === 'true') throw new Error('openssl is missing: apt-get install openssl')
const needs = { skip: openssl ? false : 'openssl is missing: apt-get install openssl' }

const dir = mkdtempSync(join(tmpdir(), 'certlink-csr-'))
after(() => rmSync(dir, { recursive: true }))
const file = (name: string, bytes: Uint8Array | string) => {
  const path = join(dir, name)
  writeFileSync(path, bytes)
  return path
}
const run = (...args: string[]) => execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
const sm2id = 'distid:1234567812345678'

test('P-256 request: OpenSSL reads it and its proof of possession holds', needs, async () => {
  const der = await certificateRequest(await newKey('ES256'), '张伟')
  const path = file('p256.der', der)
  const text = run('req', '-inform', 'DER', '-in', path, '-verify', '-noout', '-text', '-nameopt', 'utf8')
  assert.match(text, /CN\s*=\s*张伟/)
  assert.match(text, /prime256v1/)
  assert.match(text, /ecdsa-with-SHA256/)
})

test('SM2 request: OpenSSL reads it and its proof of possession holds', needs, async () => {
  const der = await certificateRequest(await newKey('SM2SM3'), '李娜')
  const path = file('sm2.der', der)
  const text = run('req', '-inform', 'DER', '-in', path, '-verify', '-vfyopt', sm2id, '-noout', '-text', '-nameopt', 'utf8')
  assert.match(text, /SM2-with-SM3/)
  assert.match(text, /ASN1 OID: SM2/)
})

test('one changed bit and OpenSSL refuses', needs, async () => {
  for (const [algorithm, options] of [['ES256', []], ['SM2SM3', ['-vfyopt', sm2id]]] as const) {
    const der = await certificateRequest(await newKey(algorithm), 'x')
    der[30]! ^= 1 // inside the subject or the key
    const { stderr, stdout, status } = spawnSync('openssl', ['req', '-inform', 'DER', '-in', file('bad.der', der), '-verify', ...options, '-noout'], { encoding: 'utf8' })
    assert.ok(status !== 0 || /failure|unable|error/i.test(stderr + stdout), stderr + stdout)
  }
})

test('a certificate that OpenSSL makes of the request: ours is the key in it', needs, async () => {
  run('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', join(dir, 'ca.key'), '-out', join(dir, 'ca.pem'), '-subj', '/CN=Test CA/O=Testers', '-days', '30')
  for (const algorithm of ['ES256', 'SM2SM3'] as const) {
    const key = await newKey(algorithm)
    const csr = file('holder.der', await certificateRequest(key, '张伟'))
    const args = ['x509', '-req', '-inform', 'DER', '-in', csr, '-CA', join(dir, 'ca.pem'), '-CAkey', join(dir, 'ca.key'), '-set_serial', '0xC0FFEE', '-days', '365', '-outform', 'DER', '-out', join(dir, 'holder.crt')]
    run(...args, ...(algorithm === 'SM2SM3' ? ['-vfyopt', sm2id] : []))
    const der = new Uint8Array(execFileSync('cat', [join(dir, 'holder.crt')]))
    const c = parseCertificate(der)
    assert.equal(c.algorithm, algorithm)
    assert.equal(c.serial, 'C0FFEE')
    assert.equal(attribute(c.subject, 'CN'), '张伟')
    assert.equal(nameText(c.issuer), 'O=Testers, CN=Test CA')
    assert.equal(await keyNameOf(c), key.name)
    assert.equal(await fingerprint(der), createHash('sha256').update(der).digest('hex'))
    assert.equal(Math.round((c.notAfter - c.notBefore) / 86_400_000), 365)
    // Cut anywhere, it is refused and nothing hangs.
    for (let n = 0; n < der.length; n += 7) assert.throws(() => parseCertificate(der.slice(0, n)))
  }
})

test('SM2SM3: OpenSSL and we accept each other', needs, async () => {
  const key = await newKey('SM2SM3')
  const message = utf8('statement ⟨bytes⟩')
  const pub = file('sm2.pub.der', key.spki)
  run('pkey', '-pubin', '-inform', 'DER', '-in', pub, '-out', join(dir, 'sm2.pub'), '-pubout')
  const ours = file('ours.sig', signatureDER(await key.sign(message)))
  const input = file('message', message)
  assert.match(run('pkeyutl', '-verify', '-pubin', '-inkey', join(dir, 'sm2.pub'), '-in', input, '-sigfile', ours, '-rawin', '-digest', 'sm3', '-pkeyopt', sm2id), /Verified Successfully/)

  run('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:SM2', '-out', join(dir, 'theirs.key'))
  run('pkeyutl', '-sign', '-inkey', join(dir, 'theirs.key'), '-in', input, '-out', join(dir, 'theirs.sig'), '-rawin', '-digest', 'sm3', '-pkeyopt', sm2id)
  const spki = new Uint8Array(execFileSync('openssl', ['pkey', '-in', join(dir, 'theirs.key'), '-pubout', '-outform', 'DER']))
  const seq = new Reader(new Uint8Array(execFileSync('cat', [join(dir, 'theirs.sig')]))).enter()
  const half = (b: Uint8Array) => fromHex(hex(b).replace(/^00/, '').padStart(64, '0'))
  const rs = concat(half(seq.next(2).body), half(seq.next(2).body))
  const point = spki.slice(-65)
  assert.ok(sm2.verify(point, message, rs))
  assert.ok(!sm2.verify(point, utf8('statement ⟨bytez⟩'), rs))
})

test('SM2 signature of GB/T 32918 over the recommended curve verifies', () => {
  // GM/T 0003.5 annex A: M = "message digest", the default identifier.
  const scalar = fromHex('3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8')
  const point = fromHex('0409F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13')
  const signature = fromHex('F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA')
  assert.deepEqual(sm2.publicPoint(scalar), point)
  assert.ok(sm2.verify(point, utf8('message digest'), signature))
  assert.ok(sm2.verify(point, utf8('message digest'), sm2.sign(scalar, utf8('message digest'))))
  assert.ok(!sm2.verify(point, utf8('message digesT'), signature))
})

test('JWS: header, exact payload, ES256 by certificate', async () => {
  const key = await newKey('ES256')
  const payload = utf8('{"a":"的"}')
  const [head, body, signature] = (await signWithCertificate(key, [Uint8Array.of(0x30, 0x03, 0xff), Uint8Array.of(0x30)], payload)).split('.') as [string, string, string]
  assert.deepEqual(JSON.parse(Buffer.from(head, 'base64url').toString()), { alg: 'ES256', typ: statementType, x5c: ['MAP/', 'MA=='] })
  assert.deepEqual(fromBase64url(body), payload)
  const pub = createPublicKey({ key: Buffer.from(key.spki), format: 'der', type: 'spki' })
  assert.ok(verify('sha256', Buffer.from(`${head}.${body}`), { key: pub, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url')))
})

test('JWS: SM2SM3 over the same input', async () => {
  const key = await newKey('SM2SM3')
  const [head, body, signature] = (await signWithCertificate(key, [Uint8Array.of(0x30)], utf8('{}'))).split('.') as [string, string, string]
  assert.equal(JSON.parse(Buffer.from(head, 'base64url').toString()).alg, 'SM2SM3')
  assert.ok(sm2.verify(key.spki.slice(-65), utf8(`${head}.${body}`), fromBase64url(signature)))
})

test('JWS: by the device key the header holds its public part only', async () => {
  const device = await newDeviceKey()
  const jws = await signWithDevice(p256Signer(device.privateKey), device.jwk, utf8('{}'))
  assert.deepEqual(JSON.parse(Buffer.from(jws.split('.')[0]!, 'base64url').toString()), { alg: 'ES256', typ: statementType, jwk: device.jwk })
  assert.deepEqual(Object.keys(device.jwk), ['kty', 'crv', 'x', 'y'])
})

test('JWS of RFC 7515 A.3: the same input makes a signature that verifies with its key', async () => {
  const jwk = { kty: 'EC', crv: 'P-256', x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU', y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0', d: 'jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI' }
  const key = await crypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
  const payload = fromBase64url('eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ')
  const jws = await compact(p256Signer(key), { alg: 'ES256' }, payload)
  assert.ok(jws.startsWith('eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.'))
  const { d: _, ...pub } = jwk
  const [head, body, signature] = jws.split('.') as [string, string, string]
  const node = createPublicKey({ key: pub as never, format: 'jwk' })
  assert.ok(verify('sha256', Buffer.from(`${head}.${body}`), { key: node, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url')))
  // And the signature printed in the RFC, with the same key.
  assert.ok(verify('sha256', Buffer.from(`${head}.${body}`), { key: node, dsaEncoding: 'ieee-p1363' }, Buffer.from('DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q', 'base64url')))
})

test('DER: integers, identifiers, and lengths that are not the shortest', () => {
  assert.equal(hex(integer(Uint8Array.of(0, 0, 0x80))), '02020080')
  assert.equal(hex(integer(Uint8Array.of(0))), '020100')
  assert.equal(hex(oid('1.2.156.10197.1.501')), '06082a811ccf55018375')
  assert.equal(readOid(fromHex('2a811ccf55018375')), '1.2.156.10197.1.501')
  for (const bad of ['30', '3002', '308101ff', '30820001ff', '3080', '30020500ff', '3f8101']) assert.throws(() => {
    const r = new Reader(fromHex(bad))
    r.next()
    r.end()
  }, bad)
})

test('the name that the server proposes', () => {
  assert.equal(commonNameOf('CN=张伟'), '张伟')
  assert.equal(commonNameOf('CN=a,O=b'), 'a,O=b')
  assert.equal(commonNameOf(undefined), 'certlink')
  assert.equal(commonNameOf('O=b'), 'certlink')
})
