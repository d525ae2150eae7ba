import { test } from 'node:test'
import assert from 'node:assert/strict'
import { beginning } from './find'

test('a credit code is told from a name', () => {
  assert.deepEqual(beginning('91330106ma2'), { credit_code: '91330106MA2' })
  assert.deepEqual(beginning('9133 0106-MA2CE8H26L'), { credit_code: '91330106MA2CE8H26L' })
  assert.deepEqual(beginning(' 杭州联链 '), { name: '杭州联链' })
  assert.deepEqual(beginning('ABC 有限公司'), { name: 'ABC 有限公司' })
  assert.deepEqual(beginning('360集团'), { name: '360集团' })
  assert.deepEqual(beginning('9'), { name: '9' }, 'one figure may begin a name')
  assert.deepEqual(beginning('91330106MA2CE8H26L0'), { name: '91330106MA2CE8H26L0' }, 'longer than a code')
  assert.deepEqual(beginning(''), { name: '' })
})
