import { test } from 'node:test'
import assert from 'node:assert/strict'
import { setLang } from './i18n'
import * as f from './format'

test('times are in Asia/Shanghai wherever the desk is', () => {
  assert.equal(f.dateTime('2026-11-23T06:05:59Z'), '2026-11-23 14:05')
  assert.equal(f.date('2026-12-31T16:00:00Z'), '2027-01-01')
  assert.equal(f.dateTime('2026-11-23T14:05:00+08:00'), '2026-11-23 14:05')
  assert.equal(f.dateTime('rubbish'), '—')
})

test('days are calendar days in Shanghai', () => {
  const now = Date.parse('2026-11-23T15:59:00Z') // 23:59 there
  assert.equal(f.daysUntil('2026-11-23T15:59:59Z', now), 0)
  assert.equal(f.daysUntil('2026-11-23T16:00:00Z', now), 1)
  assert.equal(f.daysUntil('2026-12-16T03:00:00Z', now), 23)
  assert.equal(f.daysUntil('2026-11-22T15:00:00Z', now), -1)
})

test('days in words, both languages', () => {
  const now = Date.parse('2026-11-23T04:00:00Z')
  const at = (d: string) => f.inDays(`2026-${d}T04:00:00Z`, now)
  setLang('zh-CN')
  assert.deepEqual([at('11-23'), at('11-24'), at('12-16'), at('11-22'), at('11-01')], ['今天', '明天', '还有 23 天', '昨天', '22 天前'])
  setLang('en')
  assert.deepEqual([at('11-23'), at('11-24'), at('12-16'), at('11-22'), at('11-01')], ['today', 'tomorrow', 'in 23 days', 'yesterday', '22 days ago'])
  setLang('zh-CN')
})

test('money is integer fen', () => {
  assert.equal(f.money(20000), '¥200.00')
  assert.equal(f.money(5), '¥0.05')
  assert.equal(f.money(123456789), '¥1,234,567.89')
  assert.equal(f.money(-150), '-¥1.50')
  assert.equal(f.money(1.5), '—')
})

test('identity numbers show their ends only', () => {
  assert.equal(f.maskID('330102199001011234'), '330***********1234')
  assert.equal(f.maskID('1234567'), '*******')
  assert.equal(f.maskID(''), '')
})

test('serials, groups, minutes', () => {
  assert.equal(f.serialEnd('0123456789ABCDEF'), '…89ABCDEF')
  assert.equal(f.serialEnd('AB12'), 'AB12')
  assert.equal(f.groups('abcdefghij'), 'abcd efgh ij')
  assert.equal(f.minutesSeconds(180), '3:00')
  assert.equal(f.minutesSeconds(59.2), '1:00')
  assert.equal(f.minutesSeconds(-4), '0:00')
})

test('what could hide or turn text is drawn as what it is', () => {
  assert.equal(f.visible('张\u202e伟'), '张⟨U+202E⟩伟')
  assert.equal(f.visible('a\u0000b\u200bc'), 'a⟨U+0000⟩b⟨U+200B⟩c')
  assert.equal(f.visible('王敏 O’Neil'), '王敏 O’Neil')
})
