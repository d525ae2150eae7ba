import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '../../shared/problem'
import type { Phone } from './phone'
import { shellOf } from './shell'

function door(channels: { kind: string; on: boolean }[], open: string[], refuses?: Problem) {
  const put: unknown[] = []
  const went: unknown[] = []
  const phone = {
    open: open.map((session) => ({ session, prompt: true })),
    prompted: async () => {
      if (refuses) throw refuses
    },
    api: {
      call: async (method: string, _path: string, options?: { body?: unknown }) => (method === 'PUT' ? void put.push(options?.body) : { items: channels }),
    },
  }
  return { shell: shellOf(phone as unknown as Phone, (to) => void went.push(to)), put, went }
}

test('a token is handed in; what the holder has chosen stays', async () => {
  const first = door([], [])
  await first.shell.channel('fcm', 't1')
  assert.deepEqual(first.put, [{ channels: [{ kind: 'fcm', token: 't1', on: true }] }])
  const again = door([{ kind: 'hms', on: true }, { kind: 'fcm', on: false }], [])
  await again.shell.channel('fcm', 't2')
  assert.deepEqual(again.put, [{ channels: [{ kind: 'hms', on: true }, { kind: 'fcm', token: 't2', on: false }] }])
})

test('a note that was tapped opens what is asked, and nothing else', async () => {
  const d = door([], ['p1'])
  await d.shell.pushed({ id: 'p1' })
  assert.deepEqual(d.went, [])
  await d.shell.pushed({ id: 'p1' }, true)
  await d.shell.pushed({ id: '../evil' }, true)
  await d.shell.pushed({}, true)
  assert.deepEqual(d.went, [{ place: 'session', id: 'p1' }, { place: 'inbox' }, { place: 'inbox' }])
})

test('a note without a network is no error', async () => {
  const d = door([], [], Problem.local('offline'))
  await d.shell.pushed({ id: 'p1' }, true)
  assert.deepEqual(d.went, [{ place: 'inbox' }])
})
