import { test } from 'node:test'
import assert from 'node:assert/strict'
import { dictionary, either, fill, lang, onLang, setLang } from './i18n'

test('a sentence takes values, and words by number', () => {
  assert.equal(fill('{a} and {b}', { a: 1, b: 'x' }), '1 and x')
  assert.equal(fill('{n} {n:day|days}', { n: 1 }), '1 day')
  assert.equal(fill('{n} {n:day|days}', { n: 0 }), '0 days')
  assert.equal(fill('{n:item|items}', { n: 3 }), 'items')
  assert.equal(fill('nothing {missing}'), 'nothing {missing}', 'a missing value shows, rather than an empty place')
})

test('a value is never read as a pattern', () => {
  assert.equal(fill('{a}', { a: '{b} $& $1', b: 'no' }), '{b} $& $1')
})

test('a dictionary follows the language, and tells of changes', () => {
  const say = dictionary({ yes: '是' }, { yes: 'Yes' })
  assert.equal(lang(), 'zh-CN', 'Chinese first')
  assert.equal(say('yes'), '是')
  let told = 0
  const stop = onLang(() => told++)
  setLang('en')
  assert.equal(say('yes'), 'Yes')
  assert.equal(either('甲', 'A'), 'A')
  assert.equal(either('甲', ''), '甲', 'one language is better than none')
  assert.equal(either(undefined, undefined), '')
  stop()
  setLang('zh-CN')
  assert.equal(told, 1)
  assert.equal(either('甲', 'A'), '甲')
  assert.ok(say.has('yes'))
  assert.ok(!say.has('toString'))
})
