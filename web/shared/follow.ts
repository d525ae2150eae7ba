// Follows one QR session to its end: by server-sent events, resumed where they
// broke off (Last-Event-ID), and by long poll where a proxy swallows streams.
// It ends by itself when the session is over.
import { type Frame, type QRSession, isOver } from './model'
import { Problem, acceptLanguage, problemFrom } from './problem'
import { EventParser } from './sse'
import { serverTime } from './servertime'

export interface Follower {
  onSession: (session: QRSession) => void
  onFrame: (frame: Frame) => void
  // false when nothing has come through for a while, true when it does again.
  onConnection?: (up: boolean) => void
  // The server will not tell more: signed out, or no such session.
  onRefused: (problem: Problem) => void
}

export interface FollowOptions extends Follower {
  // …/v1/qr-sessions/{id}
  url: string
  headers?: Record<string, string>
  credentials?: RequestCredentials
  times?: Partial<typeof times>
}

const times = {
  silent: 25_000, // the server sends something each 10 s at least
  first: 4_000, // and the present state at once
  lost: 1_500, // a break shorter than this is not shown
  backoff: 250,
  backoffMost: 8_000,
  wait: 20, // seconds that a long poll may take
  each: 1_000, // between polls while the code changes
}

// A stream that is open and brings nothing means that something between keeps
// it back: from then on the session is asked for. One that has once brought
// something gets a second chance.
const patience = 2

export function follow(o: FollowOptions): () => void {
  const t = { ...times, ...o.times }
  const gone = new AbortController()
  let lastId = ''
  let seq = -1
  let failures = 0
  let silent = 0
  let everHeard = false
  let over = false
  let lostTimer: ReturnType<typeof setTimeout> | undefined
  let shownLost = false
  let wake: (() => void) | undefined
  let cut: (() => void) | undefined

  const up = () => {
    failures = 0
    clearTimeout(lostTimer)
    lostTimer = undefined
    if (shownLost) {
      shownLost = false
      o.onConnection?.(true)
    }
  }
  const down = () => {
    if (over || gone.signal.aborted || shownLost || lostTimer !== undefined) return
    lostTimer = setTimeout(() => {
      lostTimer = undefined
      shownLost = true
      o.onConnection?.(false)
    }, t.lost)
  }

  const session = (s: QRSession) => {
    up()
    // After a reconnection the present state comes again; older news never.
    if (s.seq < seq) return
    seq = s.seq
    over = isOver(s.state)
    o.onSession(s)
  }

  const headers = () => (o.headers?.['Accept-Language'] ? o.headers : { 'Accept-Language': acceptLanguage(), ...o.headers })
  const init = { credentials: o.credentials ?? ('same-origin' as const), cache: 'no-store' as const }

  // A fetch that ends with the follower, or when nothing came for so long.
  function limited(ms: number) {
    const controller = new AbortController()
    const stop = () => controller.abort()
    let timedOut = false
    let timer: ReturnType<typeof setTimeout> | undefined
    const extend = (next: number) => {
      clearTimeout(timer)
      timer = setTimeout(() => {
        timedOut = true
        stop()
      }, next)
    }
    extend(ms)
    gone.signal.addEventListener('abort', stop, { once: true })
    const release = () => {
      clearTimeout(timer)
      gone.signal.removeEventListener('abort', stop)
      stop()
    }
    cut = stop
    return { signal: controller.signal, extend, release, timedOut: () => timedOut }
  }

  async function get(path: string, extra: Record<string, string>, signal: AbortSignal): Promise<Response> {
    const sent = Date.now()
    const response = await fetch(o.url + path, { ...init, headers: { ...headers(), ...extra }, signal })
    serverTime.learn(response.headers.get('Date'), sent, Date.now())
    if (!response.ok) throw await problemFrom(response)
    return response
  }

  // Returns when the stream ended: it brought something; it was open, or should
  // have been, and brought nothing; or there was nobody to open it.
  async function stream(): Promise<'heard' | 'silent' | 'unreachable'> {
    const limit = limited(t.first)
    let opened = false
    let heard = false
    const told = () => (heard ? 'heard' : opened || limit.timedOut() ? 'silent' : 'unreachable')
    try {
      const resume: Record<string, string> = lastId === '' ? {} : { 'Last-Event-ID': lastId }
      const response = await get('/events', { Accept: 'text/event-stream', ...resume }, limit.signal)
      opened = true
      if (!response.body || !/^text\/event-stream\b/i.test(response.headers.get('Content-Type') ?? '')) return 'silent'
      const parser = new EventParser()
      const text = new TextDecoder()
      const reader = response.body.getReader()
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return told()
        const events = parser.push(text.decode(value, { stream: true }))
        if (heard || events.length > 0) {
          limit.extend(t.silent)
          up()
        }
        for (const event of events) {
          heard = true
          if (event.id !== '') lastId = event.id
          const body: unknown = JSON.parse(event.data)
          if (event.name === 'frame') o.onFrame(body as Frame)
          else session(body as QRSession)
          if (over) return told()
        }
      }
    } catch (e) {
      if (e instanceof Problem) throw e
      return told() // cut off: the caller tries again
    } finally {
      limit.release()
    }
  }

  let showing = true

  async function poll(): Promise<void> {
    const limit = limited(t.wait * 1000 + t.first)
    try {
      // While a code is on the screen it changes each second, so there is no
      // waiting: the answer of now is the code of now.
      const response = await get(showing ? '' : `?wait=${t.wait}&since=${seq}`, {}, limit.signal)
      const s = (await response.json()) as QRSession
      showing = s.state === 'created'
      session(s)
      if (showing && s.code) o.onFrame({ code: s.code, counter: 0, expires_at: s.expires_at })
    } finally {
      limit.release()
    }
    if (showing && !over) await pause(t.each)
  }

  const pause = (ms: number) =>
    new Promise<void>((go) => {
      const timer = setTimeout(go, ms)
      wake = () => {
        clearTimeout(timer)
        go()
      }
    })

  async function run(): Promise<void> {
    while (!over && !gone.signal.aborted) {
      let wait: number | undefined
      try {
        if (silent < patience) {
          const end = await stream()
          if (end === 'heard') {
            silent = 0
            everHeard = true
          }
          if (end === 'silent') silent += everHeard ? 1 : patience
        } else {
          await poll()
          continue
        }
      } catch (e) {
        if (gone.signal.aborted) return
        if (e instanceof Problem && !e.passing) {
          over = true
          o.onRefused(e)
          break
        }
        if (e instanceof Problem) wait = e.retryAfter === undefined ? undefined : e.retryAfter * 1000
      }
      if (over || gone.signal.aborted) break
      down()
      const step = Math.min(t.backoffMost, t.backoff * 2 ** failures++)
      // Never before the time that the server named; never all at the same moment.
      await pause(wait === undefined ? step * (0.5 + Math.random() / 2) : wait * (1 + Math.random() / 5))
    }
  }

  const online = () => wake?.()
  // A stream over a network that is gone stays open, and silent, for long.
  const offline = () => cut?.()
  globalThis.addEventListener?.('online', online)
  globalThis.addEventListener?.('offline', offline)
  void run().finally(() => {
    clearTimeout(lostTimer)
    globalThis.removeEventListener?.('online', online)
    globalThis.removeEventListener?.('offline', offline)
  })
  return () => {
    gone.abort()
    clearTimeout(lostTimer)
    wake?.()
  }
}
