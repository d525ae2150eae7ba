// One script for other people's pages. Their back end starts a session with its
// token and hands the page the session's id and browser secret; this shows the
// code, follows the session to its end, and tells the page what happened.
//
//   const shown = certlink.show(element, { session, secret, onState: (s) => { … } })
//   shown.close()
//
// It draws inside a shadow root with its own style sheet object, so it needs no
// exception from the page's content security policy but script-src and
// connect-src for this server; it reads and keeps nothing of the page's.
import { minutesSeconds, visible } from '../shared/format'
import { follow } from '../shared/follow'
import { fill, type Lang } from '../shared/i18n'
import { type Frame, type QRSession, isOver } from '../shared/model'
import { type Problem, problemFrom } from '../shared/problem'
import { draw } from '../shared/qrdraw'
import { serverTime } from '../shared/servertime'
import { handheldMedia } from '../shared/ways'
import { styles } from './styles'
import { words } from './words'

export interface ShowOptions {
  session: string
  secret: string
  // The server, where it is not the one that this script came from.
  origin?: string
  lang?: Lang
  // auto: dark where the person's system is; only for pages that are so too.
  theme?: 'light' | 'auto'
  // Width of the code in CSS pixels, 240 to 300.
  size?: number
  onState?: (session: QRSession) => void
  onProblem?: (problem: { code: string; requestId: string }) => void
  // Shown as a button once the code has expired or was refused; the page then
  // asks its back end for a new session.
  onAgain?: () => void
}

export interface Shown {
  close: () => void
}

const from = document.currentScript instanceof HTMLScriptElement ? new URL(document.currentScript.src).origin : location.origin

// A code that stands still for longer is refused as stale.
const staleAfter = 4_000

type Key = keyof typeof words.zh

function show(host: HTMLElement, options: ShowOptions): Shown {
  const lang: Lang = options.lang ?? (document.documentElement.lang.toLowerCase().startsWith('en') ? 'en' : 'zh-CN')
  const say = (key: Key, params?: Record<string, string | number>) => fill((lang === 'en' ? words.en : words.zh)[key], params)
  const size = Math.min(300, Math.max(240, Math.round(options.size ?? 280)))
  const url = `${(options.origin ?? from).replace(/\/$/, '')}/v1/qr-sessions/${encodeURIComponent(options.session)}`
  const headers = { 'Certlink-Browser-Secret': options.secret, 'Accept-Language': lang === 'en' ? 'en' : 'zh-CN' }

  const root = host.shadowRoot ?? host.attachShadow({ mode: 'open' })
  const sheet = new CSSStyleSheet()
  sheet.replaceSync(styles)
  root.adoptedStyleSheets = [sheet]

  const make = <T extends keyof HTMLElementTagNameMap>(tag: T, cls: string, text = ''): HTMLElementTagNameMap[T] => {
    const e = document.createElement(tag)
    if (cls) e.className = cls
    if (text) e.textContent = text
    return e
  }

  const box = make('section', options.theme === 'auto' ? 'box auto' : 'box')
  box.lang = lang
  box.setAttribute('aria-label', say('label'))
  const title = make('p', 'title', say('scan'))
  title.setAttribute('role', 'status')
  const stage = make('div', 'stage')
  stage.style.minHeight = `${size}px`
  const foot = make('p', 'foot')
  box.append(title, stage, foot)
  root.replaceChildren(box)

  const canvas = make('canvas', 'code')
  canvas.setAttribute('role', 'img')
  canvas.setAttribute('aria-label', say('code'))
  const frameBox = make('div', 'white')
  frameBox.style.width = frameBox.style.height = `${size}px`
  frameBox.append(canvas)

  // The two other ways: into the app on this device, and the short code for a phone
  // without a camera. A phone cannot scan its own screen, so on one they come first.
  const button = (text: string, cls: string, run: () => void): HTMLButtonElement => {
    const b = make('button', cls, text)
    b.type = 'button'
    b.addEventListener('click', run)
    return b
  }
  const note = make('p', 'note')
  note.setAttribute('role', 'status')
  const here = button(say('sameDevice'), 'button', () => void openHere())
  const typing = button(say('typedAsk'), 'quiet', () => void askTyped())
  const showing = button(say('showCode'), 'quiet', () => {
    codeWanted = true
    redraw()
  })
  const ways = make('div', 'ways')
  const handheld = matchMedia(handheldMedia)
  let codeWanted = false

  const openHere = async () => {
    // Opened at the click, before the answer is there, or the browser blocks it.
    const tab = window.open('about:blank', '_blank')
    here.disabled = true
    note.replaceChildren()
    try {
      const { link } = (await post('/same-device-link', {})) as { link: string }
      if (tab) {
        tab.opener = null
        tab.location.replace(link)
        note.textContent = say('linkOpened')
      } else {
        const a = make('a', 'link', say('linkOpen'))
        a.href = link
        a.target = '_blank'
        a.rel = 'noopener'
        note.append(`${say('linkReady')} `, a)
      }
    } catch {
      tab?.close()
      note.textContent = say('failedSend')
    }
    here.disabled = false
  }

  const askTyped = async () => {
    typing.disabled = true
    note.replaceChildren()
    try {
      const { code } = (await post('/typed-code', {})) as { code: string }
      note.append(make('span', '', say('typedTitle')), make('strong', 'typed', code), make('span', '', say('typedText')))
      typing.hidden = true
    } catch {
      note.textContent = say('failedSend')
    }
    typing.disabled = false
  }

  let session: QRSession | undefined
  let version = 1
  let codeAt = 0
  let drawn: string | undefined
  let closed = false
  let connected = true

  const device = () => (session?.device?.name ? visible(session.device.name) : say('phone'))

  const put = (key: string, heading: string, ...content: HTMLElement[]) => {
    if (drawn === key) return
    drawn = key
    title.textContent = heading
    box.dataset['state'] = session?.state ?? key
    stage.replaceChildren(...content)
  }

  const end = (heading: string, text: string, again: boolean) => {
    const content: HTMLElement[] = [make('p', 'text', text)]
    if (again && options.onAgain) {
      content.push(button(say('again'), 'button', () => options.onAgain?.()))
    }
    put(`end-${session?.state ?? 'refused'}`, heading, ...content)
    foot.textContent = ''
  }

  const refuse = (p: Problem) => {
    options.onProblem?.({ code: p.code, requestId: p.requestId })
    end(say('refused'), say('refusedText'), true)
  }

  const matchForm = (): HTMLElement => {
    const form = make('form', 'match')
    const input = make('input', 'digits')
    input.inputMode = 'numeric'
    input.autocomplete = 'off'
    input.maxLength = 2
    input.setAttribute('aria-label', say('digits'))
    const error = make('p', 'error')
    error.setAttribute('role', 'alert')
    const check = make('button', 'button', say('check'))
    check.type = 'submit'
    form.append(make('p', 'text', say('matchText', { device: device() })), input, error, check)
    form.addEventListener('submit', (e) => {
      e.preventDefault()
      const digits = input.value.replace(/[０-９]/g, (c) => String.fromCharCode(c.charCodeAt(0) - 0xfee0))
      if (!/^\d\d$/.test(digits)) {
        error.textContent = say('digits')
        input.focus()
        return
      }
      check.disabled = true
      void post('/match', { digits }).then(
        (s) => take(s as QRSession),
        (p: Problem) => {
          error.textContent = p.code === 'match_wrong' ? say('wrong', { n: p.triesLeft ?? 0 }) : say('failedSend')
          check.disabled = false
          input.value = ''
          input.focus()
        },
      )
    })
    return form
  }

  async function post(tail: string, body: unknown): Promise<unknown> {
    const response = await fetch(url + tail, { method: 'POST', headers: { ...headers, 'Content-Type': 'application/json' }, body: JSON.stringify(body), credentials: 'omit', cache: 'no-store' })
    if (!response.ok) throw await problemFrom(response)
    return response.json()
  }

  const redraw = () => {
    if (closed || !session) return
    const s = session
    const left = Math.max(0, Math.round((Date.parse(s.expires_at) - serverTime.now()) / 1000))
    if (s.state === 'created') {
      const stale = !connected || Date.now() - codeAt > staleAfter
      if (handheld.matches && !codeWanted) {
        if (drawn !== 'here') {
          // Once only: a button that is put in again loses the focus, and a click half made.
          here.className = 'button'
          ways.replaceChildren(showing, typing)
        }
        put('here', say('hereTitle'), make('p', 'text', say('hereText')), here, note, ways)
      } else {
        if (drawn !== 'code') {
          here.className = 'quiet'
          ways.replaceChildren(typing, here)
        }
        put('code', say('scan'), frameBox, ways, note)
      }
      canvas.hidden = stale
      frameBox.dataset['state'] = stale ? 'stale' : 'live'
      foot.textContent = stale ? say('lost') : say('left', { time: minutesSeconds(left) })
    } else if (s.state === 'scanned' && s.match.required && !s.match.done) {
      put('match', say('match'), matchForm())
      foot.textContent = say('left', { time: minutesSeconds(left) })
    } else if (s.state === 'scanned') {
      put('scanned', say('scanned'), make('p', 'text', say('scannedText', { device: device() })))
      foot.textContent = connected ? say('left', { time: minutesSeconds(left) }) : say('lost')
    } else if (s.state === 'accepted') {
      put('accepted', say('accepted'), make('p', 'text', say('wait')))
      foot.textContent = ''
    } else if (s.state === 'confirmed') end(say('confirmed'), say('confirmedText'), false)
    else if (s.state === 'expired') end(say('expired'), say('nothing'), true)
    else if (s.state === 'rejected') end(say('rejected'), say('nothing'), true)
    else if (s.state === 'cancelled') end(say('cancelled'), say('nothing'), true)
    else end(say('failed'), (lang === 'en' ? s.failure?.title_en : s.failure?.title_zh) ?? say('nothing'), true)
  }

  const paint = (code: string) => {
    codeAt = Date.now()
    version = draw(canvas, code, size, devicePixelRatio || 1, version)
    redraw()
  }

  function take(s: QRSession): void {
    if (closed || (session && s.seq < session.seq)) return
    const news = !session || session.seq !== s.seq || session.state !== s.state
    session = s
    if (s.code) paint(s.code)
    redraw()
    if (news) options.onState?.(s)
    if (isOver(s.state)) clearInterval(timer)
  }

  const timer = setInterval(redraw, 500)
  const stop = follow({
    url,
    headers,
    credentials: 'omit',
    onSession: take,
    onFrame: (f: Frame) => paint(f.code),
    onConnection: (up) => {
      connected = up
      redraw()
    },
    onRefused: (p) => {
      clearInterval(timer)
      if (!closed) refuse(p)
    },
  })

  return {
    // Leaves the page as it was; a session still open is cancelled.
    close: () => {
      if (closed) return
      closed = true
      clearInterval(timer)
      stop()
      if (session && !isOver(session.state) && session.state !== 'accepted') void post('/cancel', {}).catch(() => undefined)
      root.replaceChildren()
    },
  }
}

declare global {
  interface Window {
    certlink?: { show: typeof show }
  }
}

window.certlink = { show }
