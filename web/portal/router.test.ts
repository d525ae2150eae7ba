import { test } from 'node:test'
import assert from 'node:assert/strict'
import { allowed, home, href, itemOf, paths, placeOf, type Place } from './router'

test('every place has an address of its own, and back', () => {
  const all = Object.keys(paths) as Place[]
  assert.equal(new Set(Object.values(paths)).size, all.length)
  for (const place of all) assert.equal(placeOf(href(place)), place)
})

test('addresses that are none, and the start', () => {
  assert.equal(placeOf(''), '')
  assert.equal(placeOf('#/'), '')
  assert.equal(placeOf('#/nowhere'), 'unknown')
  assert.equal(placeOf('#/ca/bindings?x=1'), 'bindings')
  assert.equal(placeOf('#/constructor'), 'unknown')
})

test('places that are about one thing', () => {
  assert.equal(placeOf('#/ca/cashier/01m85-x?y'), 'cashier')
  assert.equal(itemOf('#/ca/cashier/01m85-x?y'), '01m85-x')
  assert.equal(itemOf('#/ca/cashier'), '')
  assert.equal(href('cashier', 'x1'), '#/ca/cashier/x1')
  for (const none of ['#/ca/cashier/', '#/ca/cashier/a/b', '#/ca/cashier/%2e', '#/ca/bindings/x']) assert.equal(placeOf(none), 'unknown')
})

test('each role begins where its work is', () => {
  assert.equal(home(['admin']), 'bindings')
  assert.equal(home(['employee']), 'bindings')
  assert.equal(home(['operator']), 'accounts')
  assert.equal(home(['reviewer']), 'review')
  assert.equal(home(['integrator']), 'integrator')
  assert.equal(home([]), 'account')
  assert.equal(home(['employee', 'operator']), 'bindings')
})

test('who may see what', () => {
  assert.ok(!allowed('bindings', ['operator']))
  assert.ok(!allowed('audit', ['admin', 'employee', 'reviewer', 'integrator']))
  assert.ok(allowed('audit', ['admin', 'operator']))
  assert.ok(allowed('account', []))
  assert.ok(allowed('downloads', []))
})
