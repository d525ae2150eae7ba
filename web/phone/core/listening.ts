// The phone's open stream: the server says "look into the inbox", and nothing else.
// Where no stream gets through, the inbox is asked while somebody looks.
//
// Over HTTP/1.1 a browser has six connections to a server for all its tabs, so of the
// tabs of one phone one listens, and rings for the others. When it is closed, the next
// one goes on. Without locks (a page that is not a secure context) each listens.
import { asProblem } from '../../shared/problem'
import { EventParser } from '../../shared/sse'
import type { Api } from './api'

const times = { first: 10_000, silent: 25_000, least: 1_000, most: 30_000 }

export type Locks = Pick<LockManager, 'request'>

export function listen(api: Api, device: string, ring: () => void, locks: Locks | null | undefined = globalThis.navigator?.locks): () => void {
  const gone = new AbortController()
  const name = `certlink.inbox.${device}`
  const others = locks && new BroadcastChannel(name)
  if (others) others.onmessage = ring
  let lastId = ''
  let failures = 0
  let wake: (() => void) | undefined
  let cut: (() => void) | undefined

  async function once(): Promise<void> {
    const limit = new AbortController()
    const stop = () => limit.abort()
    gone.signal.addEventListener('abort', stop, { once: true })
    cut = stop
    let timer = setTimeout(stop, times.first)
    try {
      const response = await api.open('/v1/phone/events', { signal: limit.signal, headers: { Accept: 'text/event-stream', ...(lastId === '' ? {} : { 'Last-Event-ID': lastId }) } })
      if (!response.body) return
      const parser = new EventParser()
      const text = new TextDecoder()
      for (const reader = response.body.getReader(); ; ) {
        const { done, value } = await reader.read()
        if (done) return
        clearTimeout(timer)
        timer = setTimeout(stop, times.silent)
        for (const event of parser.push(text.decode(value, { stream: true }))) {
          failures = 0
          if (event.name !== 'inbox' || event.id === lastId) continue
          lastId = event.id
          ring()
          others?.postMessage('')
        }
      }
    } finally {
      clearTimeout(timer)
      gone.signal.removeEventListener('abort', stop)
      stop()
    }
  }

  const pause = (ms: number) =>
    new Promise<void>((go) => {
      const timer = setTimeout(go, ms)
      wake = () => (clearTimeout(timer), go())
    })

  async function run(): Promise<void> {
    while (!gone.signal.aborted) {
      let wait = 0
      try {
        await once()
      } catch (e) {
        if (gone.signal.aborted) return
        const problem = asProblem(e)
        wait = (problem.retryAfter ?? 0) * 1000
        // A phone that the server sends away for good does not come back by itself.
        if (['device_revoked', 'device_unknown'].includes(problem.code)) return
      }
      const step = Math.min(times.most, times.least * 2 ** failures++)
      await pause(Math.max(wait, step * (0.5 + Math.random() / 2)))
    }
  }

  const online = () => wake?.()
  // A stream over a network that is gone stays open, and silent, for long.
  const offline = () => cut?.()
  globalThis.addEventListener?.('online', online)
  globalThis.addEventListener?.('offline', offline)
  if (locks) void locks.request(name, { signal: gone.signal }, run).catch(() => {}) // ended while it waited
  else void run()
  return () => {
    gone.abort()
    others?.close()
    wake?.()
    globalThis.removeEventListener?.('online', online)
    globalThis.removeEventListener?.('offline', offline)
  }
}
