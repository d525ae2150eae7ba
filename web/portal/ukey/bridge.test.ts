import { test } from 'node:test'
import assert from 'node:assert/strict'
import { BridgeClient, Silent, hasty, older } from './bridge'

test('versions are compared by their numbers', () => {
  assert.equal(older('0.1.0', '0.2.0'), true)
  assert.equal(older('0.10.0', '0.9.9'), false)
  assert.equal(older('1.0', '1.0.0'), false)
  assert.equal(older('dev', '1.0.0'), false)
})

function browser(permissions: Record<string, string>, listening: boolean, after = 0): void {
  Object.defineProperty(globalThis, 'navigator', {
    configurable: true,
    value: {
      permissions: {
        query: ({ name }: { name: string }) => (permissions[name] ? Promise.resolve({ state: permissions[name] }) : Promise.reject(new TypeError(name))),
      },
    },
  })
  globalThis.fetch = ((_url: string, init: RequestInit) =>
    init.mode === 'no-cors' && listening ? Promise.resolve(new Response()) : new Promise((_, reject) => setTimeout(() => reject(new TypeError('Failed to fetch')), after))) as typeof fetch
}

test('a refusal by the browser is not taken for a bridge that is missing', async () => {
  const cases: [Record<string, string>, boolean, string, number?][] = [
    [{ 'loopback-network': 'denied' }, true, 'denied'],
    [{ 'local-network-access': 'denied' }, false, 'denied'],
    [{ 'loopback-network': 'prompt' }, true, 'asking', hasty + 100],
    [{ 'loopback-network': 'prompt' }, false, 'absent'],
    [{ 'loopback-network': 'granted' }, false, 'absent'],
    [{ 'loopback-network': 'granted' }, true, 'foreign'],
    [{}, false, 'absent'],
    [{}, true, 'foreign'],
  ]
  for (const [permissions, listening, want, after] of cases) {
    browser(permissions, listening, after)
    await assert.rejects(new BridgeClient('http://127.0.0.1:23917').hello(), (e: unknown) => e instanceof Silent && e.why === want, `${JSON.stringify(permissions)} ${listening}`)
  }
})
