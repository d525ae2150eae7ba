import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8, type Bytes } from './bytes'
import { canonical, checkStatement, readStatement, StatementError, visible, type Expected } from './statement'

const plain = {
  version: '1',
  id: '01k5c0vkd8x2q7m3n4p5r6s7t8',
  purpose: 'bind',
  audience: 'https://ca.example',
  nonce: 'A'.repeat(43),
  issued_at: '2026-11-23T06:05:00Z',
  expires_at: '2026-11-23T06:08:00Z',
  actor: { id: 'a1', name: '王敏', organisation_id: 'o1', organisation: '杭州联链示范科技有限公司' },
  subject: { id: 'a2', name: '张伟', organisation_id: 'o1', organisation: '杭州联链示范科技有限公司' },
  details: { provider: 'huixin', provider_name: '汇信CA', medium: 'mobile' },
  requester: { ip: '192.0.2.7', browser: 'Chrome / Windows', started_at: '2026-11-23T06:04:50Z' },
}

type Loose = Record<string, any>
const bytesOf = (v: Loose): Bytes => utf8(canonical(v as never))
const want: Expected = { audience: 'https://ca.example', purpose: 'bind', now: Date.parse('2026-11-23T06:06:00Z') }

function refusal(run: () => unknown): string {
  try {
    run()
  } catch (e) {
    assert.ok(e instanceof StatementError, String(e))
    return e.code
  }
  return 'accepted'
}

test('reads every field, and keeps the bytes', () => {
  const bytes = bytesOf(plain)
  const s = readStatement(bytes)
  assert.equal(s.bytes, bytes)
  assert.equal(s.subject.name, '张伟')
  assert.equal(s.details.provider_name, '汇信CA')
  assert.equal(s.requester.ip, '192.0.2.7')
  assert.equal(s.fields.length, 7 + 4 + 4 + 3 + 3)
  assert.deepEqual(s.fields.map((f) => f.path).slice(0, 5), ['actor.id', 'actor.name', 'actor.organisation', 'actor.organisation_id', 'audience'])
  checkStatement(s, want)
})

test('the subject is the actor where none is named', () => {
  const { subject: _, ...rest } = plain
  assert.equal(readStatement(bytesOf(rest)).subject.name, '王敏')
})

test('unknown fields are there to be shown', () => {
  const s = readStatement(bytesOf({ ...plain, surprise: 'x', details: { ...plain.details, deep: { er: 'y' }, none: {}, 'provider.name': 'z' }, __proto__x: 'p' }))
  const at = Object.fromEntries(s.fields.map((f) => [f.path, f.value]))
  assert.equal(at['surprise'], 'x')
  assert.equal(at['details.deep.er'], 'y')
  assert.equal(at['details.none'], '')
  assert.equal(at['details.provider\\.name'], 'z')
  assert.equal(at['__proto__x'], 'p')
})

test('a member called __proto__ is a member like any other', () => {
  const text = canonical(plain as never).replace('{"actor"', '{"__proto__":"evil","actor"')
  const s = readStatement(utf8(text))
  assert.ok(s.fields.some((f) => f.path === '__proto__' && f.value === 'evil'))
})

test('canonical form of RFC 8785 §3.2.3, and escapes of §3.2.2.2', () => {
  const tree = { '€': 'Euro Sign', '\r': 'Carriage Return', '\ufb33': 'Hebrew', '1': 'One', '😀': 'Smiley', '\u0080': 'Control', ö: 'o' }
  const order = ['\r', '1', '\u0080', 'ö', '€', '😀', '\ufb33']
  assert.deepEqual(Object.keys(JSON.parse(canonical(tree))).sort(), Object.keys(tree).sort())
  const at = order.map((name) => canonical(tree).indexOf(JSON.stringify(name) + ':'))
  assert.deepEqual(at, [...at].sort((a, b) => a - b))
  assert.equal(canonical({ a: '€$\u000f\nA\'B"\\\\"/' }), '{"a":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}')
})

test('bytes that are not the canonical form are refused', () => {
  const text = canonical(plain as never)
  const bad: Record<string, string> = {
    'white space': text.replace(':', ': '),
    'order': '{"version":"1",' + text.slice(1).replace(',"version":"1"', ''),
    'two of one name': text.replace('"purpose":"bind"', '"purpose":"bind","purpose":"bind"'),
    'two of one name, the second in disguise': text.replace('"purpose":"bind"', '"purpose":"bind","p\\u0075rpose":"enroll"'),
    'needless escape': text.replace('bind', 'b\\u0069nd'),
    'something after': text + '\n',
  }
  for (const [name, t] of Object.entries(bad)) {
    assert.notEqual(t, text, name)
    assert.equal(refusal(() => readStatement(utf8(t))), 'statement_not_canonical', name)
  }
})

test('what is no statement is refused', () => {
  const bad: Record<string, Bytes> = {
    empty: utf8(''),
    'no JSON': utf8('{'),
    'a string': utf8('"x"'),
    'a list': utf8('[]'),
    'not UTF-8': Uint8Array.of(0x7b, 0xff, 0x7d),
    'a byte order mark': utf8('\ufeff' + canonical(plain as never)),
    'a number': utf8(JSON.stringify({ ...plain, version: 1 })),
    null: utf8(JSON.stringify({ ...plain, extra: null })),
    'half a character': utf8(canonical(plain as never).replace('bind', '\\ud800')),
    'no purpose': bytesOf({ ...plain, purpose: '' }),
    'no actor': bytesOf((({ actor: _, ...rest }) => rest)(plain)),
    'actor is text': bytesOf({ ...plain, actor: '王敏' }),
    'nonce too short': bytesOf({ ...plain, nonce: 'A'.repeat(42) }),
    'local time': bytesOf({ ...plain, expires_at: '2026-11-23T14:08:00+08:00' }),
    'no time': bytesOf({ ...plain, expires_at: '2026-19-23T14:08:00Z' }),
    'too deep': bytesOf({ ...plain, details: { a: { b: { c: { d: { e: 'x' } } } } } }),
    'too large': bytesOf({ ...plain, details: { a: 'x'.repeat(20_000) } }),
  }
  for (const [name, bytes] of Object.entries(bad)) assert.equal(refusal(() => readStatement(bytes)), 'statement_malformed', name)
})

test('a statement for elsewhere, for something else, too late, or of another key', () => {
  const check = (change: Loose, expected: Partial<Expected> = {}) => refusal(() => checkStatement(readStatement(bytesOf({ ...plain, ...change })), { ...want, ...expected }))
  assert.equal(check({}), 'accepted')
  assert.equal(check({ version: '2' }), 'statement_version')
  assert.equal(check({ audience: 'https://ca.example.evil.example' }), 'statement_audience')
  assert.equal(check({ audience: 'https://ca.example/' }), 'statement_audience')
  assert.equal(check({ purpose: 'enroll' }), 'statement_purpose')
  assert.equal(check({}, { now: Date.parse(plain.expires_at) }), 'statement_expired')
  assert.equal(check({ details: { public_key_sha256: 'mine' } }, { keyName: 'mine' }), 'accepted')
  assert.equal(check({ details: { public_key_sha256: 'theirs' } }, { keyName: 'mine' }), 'statement_key')
  assert.equal(check({}, { keyName: 'mine' }), 'statement_key')
  assert.equal(check({ details: { public_key_sha256: 'theirs' } }), 'statement_key')
})

test('what works unseen is made visible', () => {
  assert.equal(visible('张\u202e伟'), '张⟨U+202E⟩伟')
  assert.equal(visible('a\u200bb\u0000c\u2066d\n\ufeff\u3164'), 'a⟨U+200B⟩b⟨U+0000⟩c⟨U+2066⟩d⟨U+000A⟩⟨U+FEFF⟩⟨U+3164⟩')
  assert.equal(visible('a\u00a0b\u{e0041}'), 'a⟨U+00A0⟩b⟨U+E0041⟩')
  assert.equal(visible('联链 Ltd.（杭州）　é 🙂'), '联链 Ltd.（杭州）　é 🙂')
})
