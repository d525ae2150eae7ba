import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { query, send } from './api'
import { Problem, asProblem } from './problem'
import { setLang } from './i18n'

let server: Server
let base = ''
let answer: (req: IncomingMessage, res: ServerResponse, body: string) => void = (_, res) => res.end()

before(async () => {
  server = createServer((req, res) => {
    let body = ''
    req.on('data', (d: Buffer) => (body += d.toString()))
    req.on('end', () => answer(req, res, body))
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
after(() => server.close())

const refused = async (work: Promise<unknown>): Promise<Problem> => {
  try {
    await work
  } catch (e) {
    assert.ok(e instanceof Problem, String(e))
    return e
  }
  throw new Error('was not refused')
}

test('JSON goes out and comes back, with the language', async () => {
  answer = (req, res, body) => {
    res.setHeader('Content-Type', 'application/json')
    res.end(JSON.stringify({ method: req.method, lang: req.headers['accept-language'], type: req.headers['content-type'], body: JSON.parse(body) }))
  }
  setLang('en')
  const { body } = await send('POST', `${base}/x`, { body: { a: '一' } })
  assert.deepEqual(body, { method: 'POST', lang: 'en, zh-CN;q=0.5', type: 'application/json', body: { a: '一' } })
  setLang('zh-CN')
})

test('bytes are sent as they are, once serialised', async () => {
  answer = (_, res, body) => res.end(JSON.stringify(body))
  assert.equal((await send('POST', base, { body: '{"a": 1}' })).body, '{"a": 1}')
  assert.equal((await send('POST', base, { body: new TextEncoder().encode('{"b":2}') })).body, '{"b":2}')
})

test('204 and empty answers are undefined', async () => {
  answer = (_, res) => res.writeHead(204).end()
  assert.equal((await send('DELETE', base)).body, undefined)
})

test('problem details are kept whole, in both languages', async () => {
  answer = (_, res) => {
    res.writeHead(422, { 'Content-Type': 'application/problem+json; charset=utf-8', 'X-Request-Id': 'r-1' })
    res.end(JSON.stringify({ type: '/docs/errors#match_wrong', title: '不对', title_zh: '不对', title_en: 'Wrong', status: 422, code: 'match_wrong', tries_left: 2, errors: [{ pointer: '/digits', detail: 'no' }] }))
  }
  const p = await refused(send('POST', base, { body: {} }))
  assert.equal(p.code, 'match_wrong')
  assert.equal(p.status, 422)
  assert.equal(p.title, '不对')
  setLang('en')
  assert.equal(p.title, 'Wrong', 'the title follows the page')
  setLang('zh-CN')
  assert.equal(p.triesLeft, 2)
  assert.equal(p.requestId, 'r-1')
  assert.deepEqual(p.fields, [{ pointer: '/digits', detail: 'no' }])
  assert.equal(p.passing, false)
})

test('an answer that is not ours becomes unexpected, with its request id', async () => {
  answer = (_, res) => res.writeHead(502, { 'Content-Type': 'text/html', 'X-Request-Id': 'r-2' }).end('<h1>Bad gateway</h1>')
  const p = await refused(send('GET', base))
  assert.deepEqual([p.code, p.status, p.requestId, p.passing], ['unexpected', 502, 'r-2', true])
  answer = (_, res) => res.writeHead(200, { 'Content-Type': 'application/json' }).end('{"half":')
  assert.equal((await refused(send('GET', base))).code, 'unexpected')
  answer = (_, res) => res.writeHead(400, { 'Content-Type': 'application/json' }).end('[]')
  assert.equal((await refused(send('GET', base))).code, 'unexpected')
})

test('Retry-After is read', async () => {
  answer = (_, res) =>
    res.writeHead(429, { 'Content-Type': 'application/problem+json', 'Retry-After': '7' }).end(JSON.stringify({ code: 'rate_limited', title_zh: '慢', title_en: 'slow' }))
  const p = await refused(send('GET', base))
  assert.deepEqual([p.retryAfter, p.passing], [7, true])
})

test('no server is offline; a silent one is slow; leaving is neither', async () => {
  assert.equal((await refused(send('GET', 'http://127.0.0.1:1/'))).code, 'offline')
  answer = () => undefined
  assert.equal((await refused(send('GET', base, { timeoutMs: 60 }))).code, 'slow')
  const leave = new AbortController()
  const asked = send('GET', base, { signal: leave.signal })
  setTimeout(() => leave.abort(), 20)
  await assert.rejects(asked, (e) => e instanceof DOMException && e.name === 'AbortError')
})

test('anything thrown can be shown', (t) => {
  t.mock.method(console, 'error', () => undefined)
  assert.equal(asProblem(new TypeError('x')).code, 'unexpected')
  assert.ok(asProblem('x').title.length > 0)
})

test('queries leave out what is empty', () => {
  assert.equal(query({ q: '', limit: 20, cursor: undefined, name: '张 伟' }), '?limit=20&name=%E5%BC%A0+%E4%BC%9F')
  assert.equal(query({}), '')
})
