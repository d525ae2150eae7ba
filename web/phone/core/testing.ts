// For tests: storage in memory, and a server that is strict about the protocol.
import assert from 'node:assert/strict'
import { createHash, createPublicKey, verify, randomBytes } from 'node:crypto'
import { Problem } from '../../shared/problem'
import type { Send } from './api'
import { base64url, utf8 } from './bytes'
import type { Database, Stores } from './db'
import type { PhoneSession } from './model'
import { canonical } from './statement'

export const origin = 'https://ca.example'

export class MemoryDatabase implements Database {
  private data = new Map<string, unknown>()
  failing = false

  async vault<K extends keyof Stores['vault']>(key: K) {
    return this.data.get('vault/' + key) as Stores['vault'][K] | undefined
  }
  async get(store: string, key: string) {
    return this.data.get(`${store}/${key}`) as never
  }
  async all(store: string) {
    return [...this.data].filter(([k]) => k.startsWith(store + '/')).map(([, v]) => v) as never
  }
  async write(...changes: Parameters<Database['write']>) {
    if (this.failing) throw new Error('the disk is full')
    for (const c of changes) {
      if (c.put === undefined) this.data.delete(`${c.in}/${c.key}`)
      else this.data.set(`${c.in}/${c.key}`, structuredClone(c.put))
    }
  }
  async clear() {
    this.data.clear()
  }

  // Everything that lies here, for a test to look through.
  text(): string {
    return JSON.stringify([...this.data], (_, v) => (v instanceof Uint8Array ? Buffer.from(v).toString('hex') : v))
  }
}

export interface Seen {
  method: string
  path: string
  claim: string | undefined
  body: any
}

export type Reply = { status?: number; body?: unknown; headers?: Record<string, string> }

// FakeServer checks each proof as RFC 9449 §4.3 wants it, and leaves the answers
// to the test.
export class FakeServer {
  seen: Seen[] = []
  nonce = 'nonce-1'
  replies: Record<string, (call: Seen) => Reply | Promise<Reply>> = {
    'GET /v1/phone/inbox': () => ({ body: { seq: 0, items: [], notices: [] } }),
    'GET /v1/phone/prompts': () => ({ body: { items: [], next: '' } }),
  }
  private jtis = new Set<string>()
  // Called before an answer leaves; throwing loses it on the way.
  lose: ((call: Seen) => boolean) | undefined

  send: Send = async (method, url, options = {}) => {
    const path = url.split('?')[0]!
    const bytes = (options.body as Uint8Array | undefined) ?? utf8('')
    const call: Seen = { method, path, claim: options.headers?.['Certlink-Claim'], body: bytes.length ? JSON.parse(new TextDecoder().decode(bytes)) : undefined }
    const refusal = this.check(method, path, options.headers?.['DPoP'] ?? '', bytes)
    if (refusal) return respond({ ...problem(401, refusal), headers: { 'DPoP-Nonce': this.nonce } })
    this.seen.push(call)
    const reply = this.replies[`${method} ${path}`]
    assert.ok(reply, `the test has no answer for ${method} ${path}`)
    const answer = await reply(call)
    if (this.lose?.(call)) throw Problem.local('offline')
    return respond({ ...answer, headers: { 'DPoP-Nonce': this.nonce, ...answer.headers } })
  }

  private check(method: string, path: string, jwt: string, body: Uint8Array): string | undefined {
    const [head, claims, signature] = jwt.split('.') as [string, string, string]
    const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString())
    const h = read(head)
    const c = read(claims)
    assert.deepEqual([h.typ, h.alg, Object.keys(h.jwk).sort()], ['dpop+jwt', 'ES256', ['crv', 'kty', 'x', 'y']])
    const key = createPublicKey({ key: h.jwk, format: 'jwk' })
    assert.ok(verify('sha256', Buffer.from(`${head}.${claims}`), { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url')))
    assert.equal(c.htm, method)
    assert.equal(c.htu, origin + path)
    assert.equal(c.bh, createHash('sha256').update(body).digest('base64url'))
    assert.ok(!this.jtis.has(c.jti), 'a proof was used twice')
    this.jtis.add(c.jti)
    return c.nonce === this.nonce ? undefined : 'use_dpop_nonce'
  }
}

export function problem(status: number, code: string, extra: object = {}): Reply {
  return { status, body: { type: `/docs/errors#${code}`, code, status, title: code, title_zh: code, title_en: code, ...extra } }
}

function respond(r: Reply): Response {
  const status = r.status ?? 200
  return new Response(status === 204 ? null : JSON.stringify(r.body ?? {}), {
    status,
    headers: { 'Content-Type': status >= 400 ? 'application/problem+json' : 'application/json', ...r.headers },
  })
}

export function statement(purpose: string, details: Record<string, string>, change: object = {}): string {
  const tree = {
    version: '1',
    id: 'st-1',
    purpose,
    audience: origin,
    nonce: base64url(randomBytes(32)),
    issued_at: new Date(Date.now()).toISOString().slice(0, 19) + 'Z',
    expires_at: new Date(Date.now() + 180_000).toISOString().slice(0, 19) + 'Z',
    actor: { id: 'a1', name: '王敏', organisation_id: 'o1', organisation: '杭州联链示范科技有限公司' },
    details,
    requester: { ip: '192.0.2.7', browser: 'Chrome / Windows', started_at: '2026-11-23T06:04:50Z' },
    ...change,
  }
  return base64url(utf8(canonical(tree as never)))
}

export function session(over: Partial<PhoneSession> = {}): PhoneSession {
  return {
    session: 'S1',
    purpose: 'bind',
    state: 'scanned',
    expires_at: new Date(Date.now() + 180_000).toISOString(),
    signed_by: 'certificate',
    provider: { id: 'huixin', name_zh: '汇信CA', name_en: 'Huixin CA' },
    hints: [],
    match: { required: false, done: false },
    ...over,
  }
}
