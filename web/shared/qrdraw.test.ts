import { test } from 'node:test'
import assert from 'node:assert/strict'
import jsQR from 'jsqr'
import { modules } from './qrdraw'

// Painted at a few pixels a module with its quiet zone, read by another
// library: what the portal draws is what a phone reads.
function read(text: string, each: number, minVersion = 1): string | undefined {
  const code = modules(text, minVersion)
  const width = (code.size + 8) * each
  const rgba = new Uint8ClampedArray(width * width * 4).fill(255)
  for (let y = 0; y < width; y++) {
    for (let x = 0; x < width; x++) {
      if (!code.dark(Math.floor(x / each) - 4, Math.floor(y / each) - 4)) continue
      const i = (y * width + x) * 4
      rgba[i] = rgba[i + 1] = rgba[i + 2] = 0
    }
  }
  return jsQR(rgba, width, width)?.data
}

test('a code of the longest allowed link is read back', () => {
  const link = 'https://' + 'a'.repeat(140)
  assert.equal(link.length, 148)
  assert.equal(read(link, 4), link)
  assert.ok(modules(link).version <= 9)
})

test('a code keeps its grid when told to', () => {
  const link = 'https://127.0.0.1:8443/q/bAAAAAAAAAAAAAAAAAAAAAA.9.BBBBBBBBBBBBBBBBBBBBBB'
  const grown = modules(link.replace('.9.', '.1000.'))
  assert.equal(modules(link, grown.version).size, grown.size)
  assert.equal(read(link, 5, grown.version), link)
})
