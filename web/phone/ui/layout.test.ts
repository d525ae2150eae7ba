import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromBase64url } from '../core/bytes'
import { readStatement } from '../core/statement'
import { statement } from '../core/testing'
import { fieldWords } from '../words/fields'
import { layoutOf } from './layout'

const known = (path: string) => fieldWords.has(path)

test('every field of a statement is shown, once', () => {
  const odd = { subject: { id: 'a2', name: '张伟', organisation_id: 'o1', organisation: '别的机构' }, surprise: 'x', more: { of: { it: 'y' } } }
  for (const text of [
    statement('bind', { provider: 'huixin', provider_name: '汇信CA', medium: 'mobile' }),
    statement('bind', { provider: 'huixin', provider_name: '汇信CA', medium: 'mobile', 'provider_name.': 'z' }, odd),
    statement('enroll', { product: 'p', product_name: '汇信CA（移动证书）', provider: 'huixin', provider_name: '汇信CA', applicant: '王敏', organisation: '杭州联链示范科技有限公司', algorithm: 'ES256', public_key_sha256: 'k', encryption_key_maker: 'holder', encryption_key_escrowed: 'no' }),
    statement('enroll', { provider: 'huixin', applicant: '别人', organisation: '别的机构' }, odd),
  ]) {
    const s = readStatement(fromBase64url(text))
    const { groups, details, unknown, rest } = layoutOf(s, known)
    const shown = [...groups.flatMap((g) => g.fields), ...details, ...unknown, ...rest].map((f) => f.path)
    assert.deepEqual([...shown].sort(), s.fields.map((f) => f.path).sort())
    for (const f of [...groups.flatMap((g) => g.fields), ...details, ...rest]) assert.ok(known(f.path), f.path)
  }
})

test('who it is for comes first, then who asks', () => {
  const mine = layoutOf(readStatement(fromBase64url(statement('bind', { provider: 'huixin' }))), known)
  assert.deepEqual(mine.groups.slice(0, 2).map((g) => [g.title, g.itself ?? false, g.fields.map((f) => f.path)]), [
    ['forWhom', false, ['actor.name', 'actor.organisation']],
    ['byWhom', true, []],
  ])
  const other = layoutOf(readStatement(fromBase64url(statement('bind', { provider: 'huixin' }, { subject: { id: 'a2', name: '张伟', organisation_id: 'o1', organisation: 'x' } }))), known)
  assert.deepEqual(other.groups.slice(0, 2).map((g) => g.fields[0]!.value), ['张伟', '王敏'])
})

test('of one’s own certificate, what is said twice stands once above and once below', () => {
  const own = { product_name: '汇信CA（移动证书）', provider_name: '汇信CA', applicant: '王敏', organisation: '杭州联链示范科技有限公司', algorithm: 'ES256', encryption_key_maker: 'holder', encryption_key_escrowed: 'no' }
  const mine = layoutOf(readStatement(fromBase64url(statement('enroll', own))), known)
  assert.deepEqual(
    mine.groups.filter((g) => /Whom|Key/.test(g.title)).map((g) => [g.title, g.itself ?? false, g.fields.map((f) => f.path)]),
    [
      ['forWhomEnroll', false, ['details.applicant', 'details.organisation']],
      ['byWhom', true, []],
      ['encryptionKey', false, ['details.encryption_key_maker', 'details.encryption_key_escrowed']],
    ],
  )
  assert.deepEqual(mine.details, [])
  assert.ok(mine.rest.some((f) => f.path === 'actor.name'))
  // Somebody else of the same name asks: that is said.
  const subject = { id: 'a2', name: '王敏', organisation_id: 'o1', organisation: '杭州联链示范科技有限公司' }
  const asked = layoutOf(readStatement(fromBase64url(statement('enroll', own, { subject }))), known)
  assert.deepEqual(asked.groups.find((g) => g.title === 'byWhom')?.fields.map((f) => f.path), ['actor.name', 'actor.organisation'])
})
