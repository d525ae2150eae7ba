import assert from 'node:assert/strict'
import { test } from 'node:test'
import { creditCodeDoubtful, idNumberRight, mistakeOf, mistakesOf } from './checks'
import type { Form } from './model'

const form: Form = {
  organisation: '甲公司', credit_code: '91339900MADEM0A15M', holder: '李娜', document: 'id_card', id_number: '339900199506090037',
  mobile: '139 0000 0004', email: 'lina@example.com', recipient: '', recipient_mobile: '', address: '',
}

test('ID numbers go by GB 11643', () => {
  assert.equal(idNumberRight('339900199506090037'), true)
  for (const wrong of ['339900199506090038', '33990019950609003', '339900199502300033', '039900199506090037', '']) assert.equal(idNumberRight(wrong), false, wrong)
})

test('credit codes are doubted, and only when all is typed', () => {
  assert.equal(creditCodeDoubtful('91339900MADEM0A15M'), false)
  assert.equal(creditCodeDoubtful('91350100M0001TGQXM'), true)
  assert.equal(creditCodeDoubtful('9133'), false)
})

test('what is empty is missing at the end only, and a mobile certificate goes nowhere', () => {
  assert.deepEqual(mistakesOf(form, 'mobile'), [])
  assert.deepEqual(mistakesOf(form, 'ukey').map((m) => m.field), ['recipient', 'recipient_mobile', 'address'])
  assert.equal(mistakeOf('email', { ...form, email: '' }, 'mobile', false), '')
  for (const [field, value] of [['mobile', '123'], ['email', 'nobody'], ['id_number', 'E1'], ['credit_code', '91']] as const) {
    assert.notEqual(mistakeOf(field, { ...form, [field]: value }, 'mobile', false), '', field)
  }
  assert.equal(mistakeOf('id_number', { ...form, document: 'passport', id_number: 'E1234567' }, 'mobile', true), '')
})
