import { beforeEach, test } from 'node:test'
import assert from 'node:assert/strict'
import { Problem } from '../shared/problem'
import { ask, begin, call, current, giveUp, signIn, signOut } from './state'

type Reply = { status: number; body?: unknown }
let asked: { method: string; path: string; body: unknown }[] = []
let server: (method: string, path: string, body: unknown) => Reply

const problem = (status: number, code: string): Reply => ({ status, body: { code, title_zh: code, title_en: code } })
const view = (id: string, roles = ['admin']) => ({ account: { id, login: id, name: id, roles }, via: 'session', expires_at: '2026-11-23T06:00:00Z', totp: { enabled: false }, letters: { on: true, language: '' as const, address: '' } })

globalThis.fetch = (async (url: string, init: RequestInit) => {
  const body: unknown = typeof init.body === 'string' ? JSON.parse(init.body) : undefined
  asked.push({ method: init.method ?? 'GET', path: url, body })
  const r = server(init.method ?? 'GET', url, body)
  return new Response(r.body === undefined ? null : JSON.stringify(r.body), {
    status: r.status,
    headers: { 'Content-Type': r.status < 400 ? 'application/json' : 'application/problem+json', 'X-Request-Id': `r${asked.length}` },
  })
}) as typeof fetch

let signedIn = ''
beforeEach(async () => {
  asked = []
  signedIn = ''
  server = (method, path, body) => {
    if (path === '/v1/config') return { status: 200, body: { name: 'certlink', demo: false } }
    if (path === '/v1/session' && method === 'POST') {
      signedIn = (body as { login: string }).login
      return { status: 200, body: view(signedIn) }
    }
    if (path === '/v1/session' && method === 'DELETE') {
      signedIn = ''
      return { status: 204 }
    }
    if (signedIn === '') return problem(401, 'sign_in_required')
    if (path === '/v1/session') return { status: 200, body: view(signedIn) }
    if (path === '/v1/slow') return problem(503, 'server_busy')
    return { status: 200, body: { by: signedIn } }
  }
  await begin()
})

const settle = () => new Promise((go) => setTimeout(go, 5))

test('nobody signed in is no problem', () => {
  assert.equal(current().session, null)
  assert.equal(current().problem, undefined)
})

test('a sign-in that ran out is mended in place, once for all that wait', async () => {
  await signIn('min', 'x')
  signedIn = ''
  const both = Promise.all([call<{ by: string }>('GET', '/v1/a'), call<{ by: string }>('GET', '/v1/b')])
  await settle()
  assert.ok(current().again, 'the dialog is asked for')
  assert.equal(current().session?.account.id, 'min', 'and the page stays as it is')
  await signIn('min', 'x')
  assert.deepEqual(await both, [{ by: 'min' }, { by: 'min' }])
  assert.equal(current().again, undefined)
  assert.equal(asked.filter((a) => a.path === '/v1/a').length, 2)
})

test('leaving instead refuses what waited', async () => {
  await signIn('min', 'x')
  signedIn = ''
  const waiting = call('POST', '/v1/a', { body: {} })
  const refused = assert.rejects(waiting, (e) => e instanceof Problem && e.code === 'sign_in_required')
  await settle()
  giveUp()
  await refused
  assert.equal(current().session, null)
})

test('what somebody left is not done in the name of somebody else', async () => {
  await signIn('min', 'x')
  signedIn = ''
  const waiting = call('POST', '/v1/bindings/1/unbind', { body: {} })
  const refused = assert.rejects(waiting, (e) => e instanceof Problem)
  await settle()
  await signIn('wei', 'x')
  await refused
  assert.equal(asked.filter((a) => a.path.endsWith('/unbind')).length, 1)
})

test('other refusals are the caller’s, with the request id', async () => {
  await signIn('min', 'x')
  await assert.rejects(call('GET', '/v1/slow'), (e) => e instanceof Problem && e.code === 'server_busy' && e.requestId !== '')
  assert.equal(current().again, undefined)
  assert.match((await ask('GET', '/v1/a')).requestId, /^r\d+$/)
})

test('signing out', async () => {
  await signIn('min', 'x')
  await signOut()
  assert.equal(current().session, null)
  signedIn = ''
  server = () => problem(401, 'sign_in_required')
  await signOut() // out already is as good
  server = () => problem(503, 'server_busy')
  await assert.rejects(signOut())
})

test('a server that cannot be reached at the start is told', async () => {
  server = () => problem(503, 'unavailable')
  await begin()
  assert.equal(current().problem?.code, 'unavailable')
})
