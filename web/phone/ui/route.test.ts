import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hrefOf, routeOf } from './route'

test('addresses lead to places, and back', () => {
  assert.deepEqual(routeOf(''), { place: 'scan' })
  assert.deepEqual(routeOf('#/certs'), { place: 'certs' })
  assert.deepEqual(routeOf('#/certs/ab%2Fc'), { place: 'certs', id: 'ab/c' })
  assert.deepEqual(routeOf('#/session/S1'), { place: 'session', id: 'S1' })
  assert.deepEqual(routeOf('#/session'), { place: 'inbox' })
  assert.deepEqual(routeOf('#/nowhere'), { place: 'scan' })
  assert.deepEqual(routeOf('#/certs/%E0%A4%A'), { place: 'certs', id: '%E0%A4%A' })
  for (const r of [{ place: 'certs', id: 'a/b c' }, { place: 'history' }] as const) assert.deepEqual(routeOf(hrefOf(r)), r)
})

test('the landing page hands a link over', () => {
  const code = 'https://ca.example/q/bAAAA.L1.bbb'
  assert.deepEqual(routeOf('#/scan?code=' + encodeURIComponent(code)), { place: 'scan', code })
})
