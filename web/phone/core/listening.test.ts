import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Api } from './api'
import { type Locks, listen } from './listening'

// One lock of a name at a time, in the order of asking, as browsers give them.
class OneBrowser {
  private queue: Promise<unknown> = Promise.resolve()
  request = ((_name: string, options: LockOptions, work: () => Promise<unknown>) => {
    const turn = this.queue.then(() => {
      if (options.signal?.aborted) throw new DOMException('', 'AbortError')
      return work()
    })
    this.queue = turn.catch(() => {})
    return turn
  }) as unknown as Locks['request']
}

class Server {
  streams: ReadableStreamDefaultController<Uint8Array>[] = []
  api = {
    open: async (_path: string, options: { signal: AbortSignal }) => {
      const body = new ReadableStream<Uint8Array>({ start: (c) => void this.streams.push(c) })
      options.signal.addEventListener('abort', () => this.streams.forEach((c) => c.error(new DOMException('', 'AbortError'))), { once: true })
      return new Response(body)
    },
  } as unknown as Api

  tell(id: string): void {
    this.streams.at(-1)!.enqueue(new TextEncoder().encode(`id: ${id}\nevent: inbox\ndata: {}\n\n`))
  }
}

async function until(what: string, is: () => boolean): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (is()) return
    await new Promise((go) => setTimeout(go, 10))
  }
  assert.fail(what)
}

test('of the tabs of one phone one listens, rings for all, and hands over', async () => {
  const server = new Server()
  const locks = new OneBrowser()
  const rung = { first: 0, second: 0 }
  const endFirst = listen(server.api, 'device', () => rung.first++, locks)
  const endSecond = listen(server.api, 'device', () => rung.second++, locks)
  await until('the first tab opens a stream', () => server.streams.length === 1)
  server.tell('1')
  await until('both ring', () => rung.first === 1 && rung.second === 1)
  assert.equal(server.streams.length, 1)
  endFirst()
  await until('the second tab goes on', () => server.streams.length === 2)
  server.tell('2')
  await until('it rings', () => rung.second === 2)
  assert.equal(rung.first, 1)
  endSecond()
})

test('without locks each tab listens', async () => {
  const server = new Server()
  const ends = [listen(server.api, 'device', () => {}, null), listen(server.api, 'device', () => {}, null)]
  await until('both open a stream', () => server.streams.length === 2)
  for (const end of ends) end()
})
