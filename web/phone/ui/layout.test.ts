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
    statement('enroll', { product: 'p', product_name: '汇信CA（移动证书）', provider: 'huixin', provider_name: '汇信CA', applicant: '王敏', organisation: '杭州联链示范科技有限公司', algorithm: 'ES256', public_key_sha256: 'k' }),
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
