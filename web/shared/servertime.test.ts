import { test } from 'node:test'
import assert from 'node:assert/strict'
import { ServerTime } from './servertime'

const at = (ms: number) => new Date(ms).toUTCString()

test('a desk that is minutes off follows the server', () => {
  const time = new ServerTime()
  const here = Date.now()
  time.learn(at(here + 300_000), here, here + 40)
  assert.ok(Math.abs(time.now() - Date.now() - 300_000) < 1_000)
})

test('a worse reading does not replace a better one, a jump of the clock does', () => {
  const time = new ServerTime()
  const here = Date.now()
  time.learn(at(here), here, here + 20)
  const before = time.now() - Date.now()
  time.learn(at(here + 2_000), here, here + 6_000)
  assert.ok(Math.abs(time.now() - Date.now() - before) < 50)
  time.learn(at(here + 3_600_000), here, here + 6_000)
  assert.ok(time.now() - Date.now() > 3_000_000)
})

test('no header, or rubbish, changes nothing', () => {
  const time = new ServerTime()
  time.learn(null, 0, 1)
  time.learn('rubbish', 0, 1)
  assert.ok(Math.abs(time.now() - Date.now()) < 5)
})
