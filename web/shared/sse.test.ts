import { test } from 'node:test'
import assert from 'node:assert/strict'
import { EventParser } from './sse'

const all = (...chunks: string[]) => {
  const parser = new EventParser()
  return chunks.flatMap((c) => parser.push(c))
}

test('an event, whole and in pieces of every size', () => {
  const text = ': hello\n\nid: 7\nevent: frame\ndata: {"code":"x"}\n\n'
  const want = [{ name: 'frame', data: '{"code":"x"}', id: '7' }]
  assert.deepEqual(all(text), want)
  for (let size = 1; size < text.length; size++) {
    const pieces = text.match(new RegExp(`[\\s\\S]{1,${size}}`, 'g')) ?? []
    assert.deepEqual(all(...pieces), want, `pieces of ${size}`)
  }
})

test('all three line ends', () => {
  for (const end of ['\n', '\r\n', '\r']) {
    assert.deepEqual(all(['data: a', 'data: b', '', 'data: c', '', ''].join(end) + 'x'), [
      { name: 'message', data: 'a\nb', id: '' },
      { name: 'message', data: 'c', id: '' },
    ])
  }
})

test('an event without data is none; the id stays; a name does not', () => {
  assert.deepEqual(all('event: scanned\nid: 3\n\ndata: 1\n\n'), [{ name: 'message', data: '1', id: '3' }])
})

test('fields: no space, no colon, unknown, a byte order mark, an id with NUL', () => {
  assert.deepEqual(all('\ufeffdata:a\ndata\nretry: 10\nbogus: 1\nid: a\0b\n\n'), [{ name: 'message', data: 'a\n', id: '' }])
})

test('an endless line is refused', () => {
  const parser = new EventParser()
  assert.throws(() => {
    for (let i = 0; i < 40; i++) parser.push('x'.repeat(1 << 16))
  })
})
