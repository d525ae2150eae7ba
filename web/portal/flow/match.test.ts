import { test } from 'node:test'
import assert from 'node:assert/strict'
import { onlyDigits } from './match'

test('digits of every width, and nothing else', () => {
  assert.equal(onlyDigits('4'), '4')
  assert.equal(onlyDigits('４２'), '42')
  assert.equal(onlyDigits(' 4-2 '), '42')
  assert.equal(onlyDigits('四二'), '')
  assert.equal(onlyDigits('１a２'), '12')
})
