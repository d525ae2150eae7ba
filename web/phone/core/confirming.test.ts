import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createPublicKey, verify } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Confirming } from './confirming'
import type { PhoneSession } from './model'
import { Phone } from './phone'
import { FakeServer, MemoryDatabase, origin, problem, session, statement, type Reply } from './testing'

const dir = mkdtempSync(join(tmpdir(), 'certlink-flow-'))
after(() => rmSync(dir, { recursive: true }))
execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', join(dir, 'ca.key'), '-out', join(dir, 'ca.pem'), '-subj', '/CN=Test CA', '-days', '30'], { stdio: 'ignore' })

function issue(csr: string): string {
  const [request, made] = [join(dir, 'r.der'), join(dir, 'c.der')]
  const der = Buffer.from(csr, 'base64')
  writeFileSync(request, der)
  const sm2 = der.includes(Buffer.from('2a811ccf55018375', 'hex')) ? ['-vfyopt', 'distid:1234567812345678'] : []
  execFileSync('openssl', ['x509', '-req', '-inform', 'DER', '-in', request, '-CA', join(dir, 'ca.pem'), '-CAkey', join(dir, 'ca.key'), '-set_serial', '7', '-days', '365', '-outform', 'DER', '-out', made, ...sm2], { stdio: 'ignore' })
  return readFileSync(made).toString('base64')
}

function keyOf(csr: string): string {
  const request = join(dir, 'r.der')
  writeFileSync(request, Buffer.from(csr, 'base64'))
  const pem = execFileSync('openssl', ['req', '-inform', 'DER', '-in', request, '-pubkey', '-noout'], { stdio: ['ignore', 'pipe', 'ignore'] })
  const der = execFileSync('openssl', ['pkey', '-pubin', '-outform', 'DER'], { input: pem })
  return execFileSync('openssl', ['dgst', '-sha256', '-binary'], { input: der }).toString('base64url')
}

async function until(c: Confirming, name: Confirming['phase']['name']): Promise<void> {
  for (let i = 0; c.phase.name !== name; i++) {
    assert.ok(i < 400, `still ${JSON.stringify(c.phase)}, not ${name}`)
    await new Promise((ok) => setTimeout(ok, 25))
  }
}

const pepper = Buffer.alloc(32, 9).toString('base64url')

// A server with one session, as the confirmation engine would keep it.
async function world(view: PhoneSession) {
  const server = new FakeServer()
  const db = new MemoryDatabase()
  const phone = new Phone(db, origin, server.send)
  const state = { view, pin: undefined as string | undefined }
  const r = server.replies
  const claimed = (c: { claim: string | undefined }, then: () => Reply) => (c.claim === 'secret' ? then() : problem(403, 'claim_invalid'))
  r['POST /v1/phone/devices'] = () => ({ body: { id: phone.device!.id, name: '手机', platform: 'web', created_at: '', pin: { set: false } } })
  r['POST /v1/phone/pin'] = (c) => {
    if (state.pin) return problem(409, 'pin_already_set')
    state.pin = c.body.verifier
    return { body: { pepper } }
  }
  r['POST /v1/phone/pin/unlock'] = (c) => (c.body.verifier === state.pin ? { body: { pepper } } : problem(403, 'pin_wrong', { tries_left: 4 }))
  r['POST /v1/phone/pin/change'] = (c) => {
    if (c.body.verifier !== state.pin) return problem(403, 'pin_wrong', { tries_left: 4 })
    state.pin = c.body.new_verifier
    return { body: { pepper } }
  }
  r['POST /v1/phone/scans'] = () => ({ body: { ...state.view, claim: 'secret' } })
  r['GET /v1/phone/sessions/S1'] = (c) => claimed(c, () => ({ body: state.view }))
  await phone.start()
  await phone.register('手机', 'web')
  return { server, db, phone, state, r, claimed }
}

const scanned = { code: `${origin}/q/b…` }

// enrolled gives the phone a certificate of Huixin CA, the way a person would.
async function enrolled(algorithm: 'ES256' | 'SM2SM3' = 'ES256') {
  const w = await world(session({ purpose: 'enroll', signed_by: 'device', key_request: { algorithm, subject: 'CN=张伟' } }))
  let csr = ''
  w.r['PUT /v1/phone/sessions/S1/key'] = (c) =>
    w.claimed(c, () => {
      if (csr && csr !== c.body.csr) return problem(422, 'key_mismatch')
      csr = c.body.csr
      w.state.view = { ...w.state.view, statement: statement('enroll', { provider: 'huixin', provider_name: '汇信CA', public_key_sha256: keyOf(csr) }) }
      return { body: w.state.view }
    })
  w.r['POST /v1/phone/sessions/S1/confirm'] = (c) =>
    w.claimed(c, () => {
      const [head, payload, signature] = c.body.jws.split('.')
      const header = JSON.parse(Buffer.from(head, 'base64url').toString())
      assert.equal(payload, w.state.view.statement, 'the very bytes are signed')
      assert.deepEqual(header.jwk, w.phone.device!.jwk)
      const key = createPublicKey({ key: header.jwk, format: 'jwk' })
      assert.ok(verify('sha256', Buffer.from(`${head}.${payload}`), { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url')))
      w.state.view = { ...w.state.view, state: 'confirmed', result: { kind: 'certificate', id: 'c', certificate: issue(csr), chain: [] } }
      return { body: w.state.view }
    })
  const c = await w.phone.scan(scanned, 'enroll')
  return { ...w, c, csr: () => csr }
}

// An extension that keeps the key: the request is by the key of the certificate, which
// lies under the PIN; a page that was closed in between makes it again.
for (const algorithm of ['ES256', 'SM2SM3'] as const) {
  test(`an extension that keeps its key, with ${algorithm}`, async () => {
    const w = await enrolled(algorithm)
    await until(w.c, 'ask')
    await w.c.confirm(await w.phone.pin.first('480913'), undefined)
    await until(w.c, 'over')
    const [record] = await w.phone.certificates()
    const keep = record!.keys[0]!.name
    w.state.view = session({ session: 'S2', purpose: 'extend', key_request: { algorithm, subject: 'CN=张伟', keep } })
    w.r['GET /v1/phone/sessions/S2'] = () => ({ body: w.state.view })
    const asked: string[] = []
    w.r['PUT /v1/phone/sessions/S2/key'] = (c) => {
      asked.push(c.body.csr)
      w.state.view = { ...w.state.view, statement: statement('extend', { provider: 'huixin', provider_name: '汇信CA', certificate: record!.id, key_policy: 'same', public_key_sha256: keyOf(c.body.csr) }) }
      return { body: w.state.view }
    }
    w.r['POST /v1/phone/sessions/S2/confirm'] = () => {
      w.state.view = { ...w.state.view, state: 'confirmed', result: { kind: 'certificate', id: 'c2', certificate: issue(asked[0]!), chain: [] } }
      return { body: w.state.view }
    }
    const c = await w.phone.scan(scanned, 'extend')
    await until(c, 'unlock')
    assert.deepEqual(asked, [])
    await c.unlock(await w.phone.pin.enter('480913'))
    await until(c, 'ask')
    assert.equal(keyOf(asked[0]!), keep)
    assert.deepEqual((await c.candidates()).map((r) => r.id), [record!.id])
    await c.confirm(await w.phone.pin.enter('480913'), record)
    await until(c, 'over')
    const both = await w.phone.certificates()
    assert.equal(both.length, 2)
    assert.deepEqual(both.map((r) => r.keys[0]!.name), [keep, keep])
    assert.deepEqual(await w.db.all('waiting'), [])
  })
}

test('an extension that keeps a key which is not here is not begun', async () => {
  const w = await world(session({ purpose: 'extend', key_request: { algorithm: 'ES256', subject: 'CN=张伟', keep: 'another' } }))
  const c = await w.phone.scan(scanned, 'extend')
  await until(c, 'stuck')
  assert.ok(c.phase.name === 'stuck' && c.phase.problem.code === 'key_unreadable')
})

for (const algorithm of ['ES256', 'SM2SM3'] as const) {
  test(`enrol, then bind with ${algorithm}: the very bytes are signed by the certificate's key`, async () => {
    const w = await enrolled(algorithm)
    await until(w.c, 'ask')
    await w.c.confirm(await w.phone.pin.first('480913'), undefined)
    await until(w.c, 'over')
    assert.equal(w.c.view.state, 'confirmed')
    const [record] = await w.phone.certificates()
    assert.equal(record!.provider!.id, 'huixin')
    assert.equal(record!.keys.length, 1)
    assert.deepEqual(await w.db.all('waiting'), [])
    assert.ok(!w.db.text().includes('480913'))

    w.state.view = session({ session: 'S2', statement: statement('bind', { provider: 'huixin', provider_name: '汇信CA', medium: 'mobile' }) })
    w.r['GET /v1/phone/sessions/S2'] = () => ({ body: w.state.view })
    w.r['POST /v1/phone/sessions/S2/confirm'] = (c) => {
      const [head, payload, signature] = c.body.jws.split('.')
      const header = JSON.parse(Buffer.from(head, 'base64url').toString())
      assert.equal(header.alg, algorithm)
      assert.equal(payload, w.state.view.statement)
      const leaf = join(dir, 'leaf.der')
      writeFileSync(leaf, Buffer.from(header.x5c[0], 'base64'))
      const pem = execFileSync('openssl', ['x509', '-inform', 'DER', '-in', leaf, '-pubkey', '-noout'])
      if (algorithm === 'ES256') assert.ok(verify('sha256', Buffer.from(`${head}.${payload}`), { key: createPublicKey(pem), dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url')))
      w.state.view = { ...w.state.view, state: 'confirmed', result: { kind: 'binding', id: 'b1', account_name: '王敏' } }
      return { body: w.state.view }
    }
    const c = await w.phone.scan(scanned, 'bind')
    await until(c, 'ask')
    const candidates = await c.candidates()
    assert.deepEqual(candidates.map((r) => r.id), [record!.id])
    await c.confirm(await w.phone.pin.enter('480913'), candidates[0])
    await until(c, 'over')
    assert.equal(c.view.result!.kind, 'binding')
    assert.equal(c.signedWith, record!.id)
    assert.equal(w.phone.open.length, 0)
    const kept = await w.db.get('sessions', 'S2')
    assert.equal((kept as { jws?: string }).jws, undefined)
  })
}

test('the first reply to everything is lost: the same request again, one end', async () => {
  const w = await enrolled()
  const gone = new Set<string>()
  w.server.lose = (call) => {
    const key = call.method + call.path
    return !gone.has(key) && !!gone.add(key)
  }
  // The key was handed in, and the answer lost.
  w.state.view = { ...w.state.view }
  await until(w.c, 'stuck').catch(() => {})
  if (w.c.phase.name === 'stuck') await w.c.begin()
  while (w.c.phase.name !== 'ask') await w.c.begin()
  const under = await w.phone.pin.first('480913').catch(() => w.phone.pin.first('480913').catch(() => w.phone.pin.first('480913')))
  await w.c.confirm(under, undefined)
  await until(w.c, 'over')
  assert.equal(w.c.view.state, 'confirmed')
  assert.equal((await w.phone.certificates()).length, 1)
  assert.ok(gone.has('POST/v1/phone/sessions/S1/confirm'))
})

test('reloaded between signing and the answer: it is sent again and collected', async () => {
  const w = await enrolled()
  await until(w.c, 'ask')
  w.server.lose = (call) => call.path.endsWith('/confirm')
  await w.c.confirm(await w.phone.pin.first('480913'), undefined)
  await until(w.c, 'working')
  w.c.abandon()

  const later = new Phone(w.db, origin, w.server.send)
  w.server.lose = undefined
  await later.start()
  assert.equal(later.open.length, 1)
  const c = (await later.again('S1'))!
  await until(c, 'over')
  assert.equal(c.view.state, 'confirmed')
  const [record] = await later.certificates()
  assert.equal(record!.keys.length, 1)
  assert.deepEqual(await w.db.all('waiting'), [])
})

test('reloaded before the PIN: the key is lost, and that is said', async () => {
  const w = await enrolled()
  await until(w.c, 'ask')
  w.c.abandon()
  const later = new Phone(w.db, origin, w.server.send)
  await later.start()
  const c = (await later.again('S1'))!
  await until(c, 'lost')
  w.r['POST /v1/phone/sessions/S1/reject'] = (call) => {
    assert.deepEqual(call.body, { reason: 'not_now' })
    w.state.view = { ...w.state.view, state: 'rejected', reason: { code: 'not_now' } }
    return { body: w.state.view }
  }
  await c.reject('not_now')
  await until(c, 'over')
})

test('the key is on the disk before the certificate is asked for', async () => {
  const w = await enrolled()
  await until(w.c, 'ask')
  const under = await w.phone.pin.first('480913')
  w.db.failing = true
  await w.c.confirm(under, undefined)
  assert.ok(!w.server.seen.some((s) => s.path.endsWith('/confirm')))
  assert.equal(w.c.phase.name, 'ask')
  assert.ok(w.c.problem)
  w.db.failing = false
  w.c.abandon()
})

test('a certificate for another key is not taken', async () => {
  const w = await enrolled()
  await until(w.c, 'ask')
  const other = execFileSync('openssl', ['x509', '-in', join(dir, 'ca.pem'), '-outform', 'DER']).toString('base64')
  w.r['POST /v1/phone/sessions/S1/confirm'] = () => {
    w.state.view = { ...w.state.view, state: 'confirmed', result: { kind: 'certificate', id: 'c', certificate: other } }
    return { body: w.state.view }
  }
  await w.c.confirm(await w.phone.pin.first('480913'), undefined)
  await until(w.c, 'over')
  assert.ok(w.c.keyNotOurs)
  assert.deepEqual(await w.phone.certificates(), [])
})

test('signed, and the session gone before the answer: said as unknown; a sync finds the certificate', async () => {
  const w = await enrolled()
  await until(w.c, 'ask')
  w.server.lose = (call) => call.path.endsWith('/confirm')
  await w.c.confirm(await w.phone.pin.first('480913'), undefined)
  while (!w.server.seen.some((s) => s.path.endsWith('/confirm'))) await new Promise((ok) => setTimeout(ok, 20))
  const certificate = (w.state.view.result as { certificate: string }).certificate
  w.r['POST /v1/phone/sessions/S1/confirm'] = w.r['GET /v1/phone/sessions/S1'] = () => problem(404, 'session_unknown')
  w.server.lose = undefined
  await until(w.c, 'over')
  assert.equal(w.c.view.state, 'unknown')
  assert.deepEqual(await w.phone.certificates(), [])
  w.r['GET /v1/phone/certificates'] = () => ({ body: { items: [{ id: 'x', certificate, state: 'active', provider: { id: 'huixin', name_zh: '', name_en: '' } }] } })
  const [record] = await w.phone.sync()
  assert.equal(record!.keys.length, 1)
  assert.deepEqual(await w.db.all('waiting'), [])
})

test('match code: confirm waits until the browser has the digits', async () => {
  const w = await enrolled()
  w.state.view.match = { required: true, done: false, digits: '42' }
  await until(w.c, 'ask')
  await w.c.confirm(await w.phone.pin.first('480913'), undefined)
  await until(w.c, 'working')
  await new Promise((ok) => setTimeout(ok, 300))
  assert.deepEqual(w.c.phase, { name: 'working', step: 'match', offline: false })
  assert.ok(!w.server.seen.some((s) => s.path.endsWith('/confirm')))
  w.state.view = { ...w.state.view, match: { required: true, done: true, digits: '42' } }
  await until(w.c, 'over')
  assert.equal(w.c.view.state, 'confirmed')
})

test('a statement for another origin, purpose or key is refused before it can be signed', async () => {
  for (const [purpose, made, code] of [
    ['bind', statement('bind', { provider: 'huixin' }, { audience: 'https://evil.example' }), 'statement_audience'],
    ['bind', statement('enroll', { provider: 'huixin' }), 'statement_purpose'],
    ['enroll', statement('bind', { provider: 'huixin' }), 'statement_purpose'],
    ['bind', statement('bind', { provider: 'huixin', public_key_sha256: 'x' }), 'statement_key'],
    ['bind', 'e30', 'statement_malformed'],
    ['bind', '%%', 'statement_malformed'],
    ['login', statement('login', {}), 'purpose_unknown'],
  ] as const) {
    const w = await world(session({ purpose, statement: made }))
    const c = await w.phone.scan(scanned, purpose)
    await until(c, 'refused')
    assert.equal((c.phase as { code: string }).code, code)
    await c.confirm({} as CryptoKey, undefined)
    assert.equal(c.phase.name, 'refused')
    c.abandon()
  }
})

test('a statement that changes after it was shown is not the one that is signed', async () => {
  const first = statement('bind', { provider: 'huixin', provider_name: '汇信CA' })
  const w = await world(session({ statement: first }))
  const c = await w.phone.scan(scanned, 'bind')
  await until(c, 'ask')
  w.state.view = { ...w.state.view, statement: statement('bind', { provider: 'cfca', provider_name: 'CFCA' }) }
  c.resume()
  await new Promise((ok) => setTimeout(ok, 60))
  assert.equal(c.view.statement, first)
  assert.equal(c.statement!.details.provider, 'huixin')
  c.abandon()
})

test('the certificates offered are those of the provider in the statement', async () => {
  const w = await enrolled()
  await until(w.c, 'ask')
  await w.c.confirm(await w.phone.pin.first('480913'), undefined)
  await until(w.c, 'over')
  w.state.view = session({ session: 'S3', provider: { id: 'huixin', name_zh: '汇信CA', name_en: '' }, statement: statement('bind', { provider: 'cfca', provider_name: 'CFCA' }) })
  w.r['GET /v1/phone/sessions/S3'] = () => ({ body: w.state.view })
  const c = await w.phone.scan(scanned, 'bind')
  await until(c, 'ask')
  assert.equal(c.provider!.id, 'cfca')
  assert.deepEqual(await c.candidates(), [])
  c.abandon()
})

test('the server refuses the certificate: the session goes on, with the reason', async () => {
  const w = await enrolled()
  await until(w.c, 'ask')
  await w.c.confirm(await w.phone.pin.first('480913'), undefined)
  await until(w.c, 'over')
  w.state.view = session({ session: 'S4', statement: statement('bind', { provider: 'huixin', provider_name: '汇信CA' }) })
  w.r['GET /v1/phone/sessions/S4'] = () => ({ body: w.state.view })
  w.r['POST /v1/phone/sessions/S4/confirm'] = () => problem(409, 'certificate_bound_elsewhere')
  const c = await w.phone.scan(scanned, 'bind')
  await until(c, 'ask')
  await c.confirm(await w.phone.pin.enter('480913'), (await c.candidates())[0])
  await until(c, 'working')
  await until(c, 'ask')
  assert.equal(c.problem!.code, 'certificate_bound_elsewhere')
  assert.equal((await w.db.get('sessions', 'S4') as { jws?: string }).jws, undefined)
  c.abandon()
})

test('PIN: wrong, right, changed, reset', async () => {
  const w = await enrolled()
  await until(w.c, 'ask')
  await w.c.confirm(await w.phone.pin.first('480913'), undefined)
  await until(w.c, 'over')
  await assert.rejects(w.phone.pin.enter('480914'), (e: { code: string; triesLeft: number }) => e.code === 'pin_wrong' && e.triesLeft === 4)
  await w.phone.pin.change('480913', '770215')
  await assert.rejects(w.phone.pin.enter('480913'))
  const [record] = await w.phone.certificates()
  assert.equal(record!.keys.length, 1)
  const { openable } = await import('./pin')
  assert.ok(await openable(record!, await w.phone.pin.enter('770215')))

  // The change was made and its reply lost: both wrappings lie there, the new PIN opens.
  w.server.lose = (call) => call.path.endsWith('/pin/change')
  await assert.rejects(w.phone.pin.change('770215', '386027'))
  w.server.lose = undefined
  const [both] = await w.phone.certificates()
  assert.equal(both!.keys.length, 2)
  assert.ok(await openable(both!, await w.phone.pin.enter('386027')))

  w.r['POST /v1/phone/pin/reset'] = () => {
    w.state.pin = undefined
    return { body: { id: w.phone.device!.id, name: '', platform: '', created_at: '', pin: { set: false } } }
  }
  await w.phone.pin.reset()
  assert.deepEqual((await w.phone.certificates()).map((r) => r.keys), [[]])
})

test('a nonce that the server no longer takes costs one more call, not the act', async () => {
  const w = await world(session({ statement: statement('bind', { provider: 'huixin' }) }))
  w.server.nonce = 'nonce-2'
  w.r['GET /v1/phone/device'] = () => ({ body: { id: 'x', name: '', platform: '', created_at: '', pin: { set: false } } })
  await w.phone.refresh()
  assert.equal(w.server.seen.filter((s) => s.path === '/v1/phone/device').length, 1)
})

test('a device that the server does not know or has revoked is told as such', async () => {
  for (const [code, standing] of [['device_unknown', 'unknown'], ['device_revoked', 'revoked']] as const) {
    const w = await world(session())
    w.r['GET /v1/phone/device'] = () => problem(403, code)
    await assert.rejects(w.phone.refresh())
    assert.equal(w.phone.standing, standing)
    await w.phone.startOver()
    assert.equal(w.phone.standing, 'new')
    assert.equal(w.db.text(), '[]')
  }
})

test('what the server asks without a code: kept, shown, answered under its own address', async () => {
  const w = await enrolled()
  await until(w.c, 'ask')
  await w.c.confirm(await w.phone.pin.first('480913'), undefined)
  await until(w.c, 'over')
  const prompt = {
    prompt: 'P1',
    purpose: 'bind',
    state: 'open' as string,
    created_at: '2026-11-23T06:05:00Z',
    expires_at: new Date(Date.now() + 3600_000).toISOString(),
    actor: { id: 'a1', name: '王敏', organisation: 'o' },
    subject: { id: 'a1', name: '王敏', organisation: 'o' },
    details: {},
    signed_by: 'certificate',
    provider: { id: 'huixin', name_zh: '汇信CA', name_en: 'Huixin CA' },
    statement: statement('bind', { provider: 'huixin', provider_name: '汇信CA', medium: 'mobile' }),
    hints: [],
  }
  w.r['GET /v1/phone/inbox'] = () => ({ body: { seq: 1, items: prompt.state === 'open' ? [prompt] : [], notices: [] } })
  w.r['GET /v1/phone/prompts/P1'] = () => ({ body: prompt })
  w.r['POST /v1/phone/prompts/P1/confirm'] = (c) => {
    assert.equal(c.claim, undefined)
    prompt.state = 'confirmed'
    return { body: { ...prompt, result: { kind: 'binding', id: 'b1', account_name: '王敏' } } }
  }
  for (let i = 0; i < 2; i++) await w.phone.prompted() // a second look is no second request
  assert.deepEqual([w.phone.open.map((r) => r.session), w.phone.news.count], [['P1'], 1])
  const c = (await w.phone.again('P1'))!
  await until(c, 'ask')
  await c.confirm(await w.phone.pin.enter('480913'), (await c.candidates())[0])
  await until(c, 'over')
  assert.equal(c.view.state, 'confirmed')
  assert.equal(w.phone.open.length, 0)
})

test('a prompt that was withdrawn leaves the list', async () => {
  const w = await world(session())
  const prompt = { prompt: 'P2', purpose: 'bind', state: 'open', created_at: '', expires_at: new Date(Date.now() + 3600_000).toISOString(), signed_by: 'certificate', hints: [] }
  let items = [prompt]
  w.r['GET /v1/phone/inbox'] = () => ({ body: { seq: 1, items, notices: [] } })
  w.r['GET /v1/phone/prompts/P2'] = () => ({ body: { ...prompt, state: 'cancelled' } })
  await w.phone.prompted()
  assert.equal(w.phone.open.length, 1)
  items = []
  await w.phone.prompted()
  assert.equal(w.phone.open.length, 0)
})
