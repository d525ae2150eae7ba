import { after, before, beforeEach, test } from 'node:test'
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { follow } from './follow'
import type { Frame, QRSession, SessionState } from './model'
import type { Problem } from './problem'

let server: Server
let base = ''
let asked: { path: string; lastId: string | undefined; secret: string | undefined }[] = []
let answer: (req: IncomingMessage, res: ServerResponse, n: number) => void

before(async () => {
  server = createServer((req, res) => {
    asked.push({ path: req.url ?? '', lastId: req.headers['last-event-id'] as string | undefined, secret: req.headers['certlink-browser-secret'] as string | undefined })
    answer(req, res, asked.length)
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/qr-sessions/s1`
})
after(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(() => {
  asked = []
})

const view = (state: SessionState, seq: number, more: Partial<QRSession> = {}): QRSession => ({
  id: 's1',
  purpose: 'bind',
  state,
  seq,
  created_at: '2026-11-23T06:00:00Z',
  expires_at: '2026-11-23T06:01:00Z',
  match: { required: false, done: false, tries_left: 3 },
  typed_code_active: false,
  details: {},
  ...more,
})
const event = (name: string, id: number, data: unknown) => `id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`
const frame = (n: number) => event('frame', n, { code: `https://x/q/b.${n}`, counter: n, expires_at: '2026-11-23T06:01:00Z' })
const begin = (res: ServerResponse) => res.writeHead(200, { 'Content-Type': 'text/event-stream' })

interface Heard {
  states: string[]
  frames: string[]
  up: boolean[]
  refused: Problem | undefined
}

// Follows until the session is over or refused, or the time is up. How long silence may
// last is longer than any test, so that a machine that stalls is not taken for a silent
// server; a test that is about silence says how long.
function hear(times: Record<string, number> = {}, headers?: Record<string, string>): Promise<Heard> {
  const heard: Heard = { states: [], frames: [], up: [], refused: undefined }
  return new Promise((done, failed) => {
    const limit = setTimeout(() => failed(new Error(`not over: ${JSON.stringify({ heard, asked })}`)), 60_000)
    const finish = () => {
      clearTimeout(limit)
      setTimeout(() => done(heard), 30)
    }
    follow({
      url: base,
      headers,
      times: { first: 60_000, silent: 60_000, lost: 40, backoff: 20, backoffMost: 200, wait: 60, each: 20, ...times },
      onSession: (s) => {
        heard.states.push(s.state)
        if (['confirmed', 'expired', 'rejected', 'failed', 'cancelled'].includes(s.state)) finish()
      },
      onFrame: (f: Frame) => heard.frames.push(f.code),
      onConnection: (up) => heard.up.push(up),
      onRefused: (p) => {
        heard.refused = p
        finish()
      },
    })
  })
}

test('one stream from the first state to the last', async () => {
  answer = (_, res) => {
    begin(res)
    res.write(event('created', 1, view('created', 1)) + frame(2))
    setTimeout(() => res.write(': still here\n\n' + frame(3) + event('scanned', 4, view('scanned', 2))), 30)
    setTimeout(() => res.end(event('confirmed', 5, view('confirmed', 3))), 60)
  }
  const heard = await hear({}, { 'Certlink-Browser-Secret': 'sesame' })
  assert.deepEqual(heard.states, ['created', 'scanned', 'confirmed'])
  assert.equal(heard.frames.length, 2)
  assert.deepEqual(heard.up, [], 'nothing was lost')
  assert.deepEqual(asked.map((a) => a.path), ['/v1/qr-sessions/s1/events'])
  assert.equal(asked[0]?.secret, 'sesame')
})

test('a broken stream is resumed where it broke', async () => {
  answer = (_, res, n) => {
    begin(res)
    if (n === 1) {
      res.write(event('created', 1, view('created', 1)) + frame(9))
      setTimeout(() => res.destroy(), 20)
    } else res.end(event('scanned', 10, view('scanned', 2)) + event('rejected', 11, view('rejected', 3)))
  }
  const heard = await hear()
  assert.equal(asked[1]?.lastId, '9')
  assert.deepEqual(heard.states, ['created', 'scanned', 'rejected'])
})

test('a longer break is told, and its end', async () => {
  answer = (_, res, n) => {
    if (n === 1) {
      begin(res)
      res.write(event('created', 1, view('created', 1)))
      setTimeout(() => res.destroy(), 10)
    } else if (n < 5) res.destroy()
    else {
      begin(res)
      res.end(event('created', 1, view('created', 1)) + event('expired', 2, view('expired', 2)))
    }
  }
  const heard = await hear()
  assert.deepEqual(heard.up, [false, true])
  assert.equal(heard.states.at(-1), 'expired')
  assert.ok(asked.every((a) => a.path.endsWith('/events')), 'an unreachable server does not mean that streams are swallowed')
})

test('a connection that has gone silent is left and resumed', async () => {
  answer = (_, res, n) => {
    begin(res)
    const created = event('created', n, view('created', 1))
    // At one go: a pause between the two could be silence again.
    if (n > 1) res.end(created + event('confirmed', 9, view('confirmed', 2)))
    else res.write(created)
  }
  const heard = await hear({ silent: 80 })
  assert.equal(asked.length, 2)
  assert.deepEqual(heard.states, ['created', 'created', 'confirmed'])
})

test('heartbeats alone keep a stream alive', async () => {
  const silent = 800
  let longest = 0 // between two beats
  answer = (_, res) => {
    begin(res)
    res.write(event('created', 1, view('created', 1)))
    let beats = 0
    let last = Date.now()
    const timer = setInterval(() => {
      longest = Math.max(longest, Date.now() - last)
      last = Date.now()
      if (++beats < 6) res.write(':\n\n')
      else {
        clearInterval(timer)
        res.end(event('confirmed', 2, view('confirmed', 2)))
      }
    }, 200)
  }
  // Where the machine has held the beats back there really was silence: once more.
  do {
    longest = 0
    asked = []
    await hear({ silent })
  } while (longest > silent / 2)
  assert.equal(asked.length, 1)
})

test('where streams are swallowed, it asks instead', async () => {
  let polls = 0
  answer = (req, res) => {
    if (req.url?.endsWith('/events')) {
      begin(res).flushHeaders() // and never a word: a proxy collects it all
      return
    }
    polls++
    const s = polls < 3 ? view('created', 1, { code: `https://x/q/b.${polls}` }) : polls < 5 ? view('scanned', 2) : view('confirmed', 3)
    res.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(s))
  }
  const heard = await hear({ first: 60 })
  assert.equal(asked.filter((a) => a.path.endsWith('/events')).length, 1)
  assert.deepEqual(heard.frames, ['https://x/q/b.1', 'https://x/q/b.2'])
  assert.equal(heard.states.at(-1), 'confirmed')
  assert.ok(asked.some((a) => a.path.endsWith('?wait=60&since=2')), 'once scanned it waits for news')
})

test('a refusal is told once and ends it', async () => {
  answer = (_, res) =>
    res.writeHead(404, { 'Content-Type': 'application/problem+json' }).end(JSON.stringify({ code: 'session_unknown', title_zh: '无', title_en: 'none' }))
  const heard = await hear()
  assert.equal(heard.refused?.code, 'session_unknown')
  assert.equal(asked.length, 1)
})

test('an overloaded server is asked again after the time it names', async () => {
  const at: number[] = []
  answer = (_, res, n) => {
    at.push(Date.now())
    if (n === 1) res.writeHead(503, { 'Content-Type': 'application/problem+json', 'Retry-After': '1' }).end(JSON.stringify({ code: 'overloaded', title_zh: '忙', title_en: 'busy' }))
    else begin(res).end(event('confirmed', 1, view('confirmed', 1)))
  }
  await hear()
  assert.ok((at[1] ?? 0) - (at[0] ?? 0) >= 990)
})

test('older news is not told again', async () => {
  answer = (_, res) => {
    begin(res)
    res.end(event('scanned', 2, view('scanned', 2)) + event('created', 1, view('created', 1)) + event('confirmed', 3, view('confirmed', 3)))
  }
  assert.deepEqual((await hear()).states, ['scanned', 'confirmed'])
})

test('stopping ends the stream at the server too', async () => {
  const closed = new Promise<void>((done) => {
    answer = (req, res) => {
      begin(res)
      res.write(event('created', 1, view('created', 1)))
      req.on('close', done)
    }
  })
  const stop = follow({ url: base, onSession: () => stop(), onFrame: () => undefined, onRefused: () => assert.fail('refused') })
  await closed
})
