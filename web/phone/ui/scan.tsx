// 扫一扫: the camera, and three ways for when there is none.
import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { asProblem, type Problem } from '../../shared/problem'
import { Button, Icon, Note, ProblemNote, Spinner, Waiting, announce } from '../../shared/ui'
import { Camera, type CameraState } from '../camera/camera'
import { cleanTyped, readLink, readTyped, type Purpose } from '../core/code'
import { t } from '../words/scan'
import { Head } from './bits'
import { go } from './route'
import { usePhone } from './use'

// A code that is refused for its age is followed by a newer one within the second.
const passingCodes = ['code_stale', 'code_from_future']

export function ScanView({ code }: { code?: string }) {
  const phone = usePhone()
  const [opening, setOpening] = useState<'scan' | 'link' | undefined>(code ? 'link' : undefined)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  // What is said is made when it is shown, in the language of that moment.
  const [say, setSay] = useState<{ text: () => string } | undefined>(undefined)
  const [typed, setTyped] = useState(false) // the problem is with the typed code
  const busy = useRef(false)
  const again = useRef<(() => void) | undefined>(undefined)

  const tell = (text: () => string) => {
    setSay((was) => {
      if (was?.text() === text()) return was
      announce(text(), true)
      return { text }
    })
  }

  // claim answers whether the camera may go on looking.
  const claim = async (what: { code: string } | { typed_code: string }, purpose: Purpose | undefined, how: 'camera' | 'once'): Promise<boolean> => {
    busy.current = true
    setOpening((was) => was ?? 'scan')
    setProblem(undefined)
    setTyped('typed_code' in what)
    setSay(undefined)
    try {
      const c = await phone.scan(what, purpose)
      go({ place: 'session', id: c.id })
      return false
    } catch (e) {
      const found = asProblem(e)
      busy.current = false
      setOpening(undefined)
      if (how === 'camera' && passingCodes.includes(found.code)) {
        tell(() => found.title)
        return true
      }
      again.current = found.passing && 'typed_code' in what ? () => void claim(what, purpose, how) : undefined
      setProblem(found)
      announce(found.title, true)
      return true
    }
  }

  const take = (text: string, how: 'camera' | 'once') => {
    if (busy.current) return
    const read = readLink(text, phone.origin)
    if (read.kind === 'ours') return void claim({ code: read.code }, read.purpose, how)
    setProblem(undefined)
    tell(() => (read.kind === 'elsewhere' ? t('elsewhere', { host: read.host }) : how === 'once' && code ? t('linkBad') : t(read.kind)))
    setOpening(undefined)
  }

  // A link from the landing page is used once: a reload must not use it again.
  useEffect(() => {
    if (!code) return
    go({ place: 'scan' }, true)
    take(code, 'once')
  }, [code])

  if (opening === 'link') {
    return (
      <section class="view">
        <Head title={t('title')} />
        <Waiting text={t('linkOpening')} testid="opening" />
      </section>
    )
  }
  return (
    <section class="view view-scan">
      <Head title={t('title')} />
      {problem && !typed && <ProblemNote problem={problem} testid="scan-problem" />}
      {say && !problem && (
        <Note tone="warn" testid="scan-say">
          <p>{say.text()}</p>
        </Note>
      )}
      <Finder
        onText={(text) => take(text, 'camera')}
        onPicture={(text) => take(text, 'once')}
        onSay={tell}
        opening={opening === 'scan'}
        paused={problem !== undefined}
        onResume={() => setProblem(undefined)}
      />
      <Typed onCode={(code) => void claim({ typed_code: code }, undefined, 'once')}>
        {problem && typed && <ProblemNote problem={problem} testid="scan-problem" {...(again.current ? { onRetry: again.current } : {})} />}
      </Typed>
    </section>
  )
}

interface FinderProps {
  onText: (text: string) => void
  onPicture: (text: string) => void
  onSay: (text: () => string) => void
  opening: boolean
  // A problem is on the screen: the same code would only be refused again.
  paused: boolean
  onResume: () => void
}

function Finder(p: FinderProps) {
  const video = useRef<HTMLVideoElement>(null)
  const latest = useRef(p)
  latest.current = p
  const [, redraw] = useState(0)
  const [reading, setReading] = useState(false)
  const [camera] = useState(() => new Camera(() => redraw((n) => n + 1), (text) => !latest.current.paused && latest.current.onText(text)))
  const start = () => {
    p.onResume()
    remember()
    if (video.current) void camera.start(video.current)
  }

  useEffect(() => {
    // Opened here before, and allowed: one tap on 扫一扫 is enough. Not where
    // something has just gone wrong, which must be read first.
    if (remembered() && !p.paused && navigator.permissions) {
      navigator.permissions.query({ name: 'camera' as PermissionName }).then(
        (s) => {
          if (s.state === 'granted' && video.current) void camera.start(video.current)
        },
        () => {},
      )
    }
    const seen = () => {
      if (document.visibilityState === 'hidden' && camera.state === 'live') camera.stop()
    }
    document.addEventListener('visibilitychange', seen)
    return () => {
      document.removeEventListener('visibilitychange', seen)
      camera.close()
    }
  }, [])

  const picture = async (input: HTMLInputElement) => {
    const file = input.files?.[0]
    input.value = '' // the same picture may be chosen again
    if (!file) return
    p.onResume()
    setReading(true)
    try {
      const text = await camera.decoder.readFile(file)
      if (text) p.onPicture(text)
      else p.onSay(() => t('nothing'))
    } catch {
      p.onSay(() => t('notPicture'))
    }
    setReading(false)
  }

  const live = camera.state === 'live'
  return (
    <>
      <div class="finder" data-testid="finder" data-state={camera.state}>
        <video ref={video} class={live ? 'finder-video' : 'finder-video finder-video-off'} playsInline muted aria-label={t('video')} data-testid="camera-video" />
        {live && <span class="finder-frame" aria-hidden="true" />}
        {!live && !p.opening && <FinderState state={camera.state} onStart={start} />}
        {p.opening && (
          <div class="finder-state finder-over" role="status" data-testid="opening">
            <Spinner large />
            <p>{t('opening')}</p>
          </div>
        )}
        {live && p.paused && !p.opening && (
          <div class="finder-state finder-over">
            <Button kind="primary" size="large" testid="scan-again" onClick={p.onResume}>
              {t('again')}
            </Button>
          </div>
        )}
      </div>
      {live && <p class="finder-say">{t('aim')}</p>}
      <div class="ways">
        <label class="way">
          <Icon name="image" />
          <span>{reading ? t('reading') : t('album')}</span>
          <input type="file" accept="image/*" class="visually-hidden" data-testid="album" onChange={(e) => void picture(e.currentTarget)} />
        </label>
        {live && camera.torch !== 'none' && (
          <button type="button" class="way" aria-pressed={camera.torch === 'on'} data-testid="torch" onClick={() => void camera.light(camera.torch !== 'on')}>
            <Icon name="torch" />
            <span>{t('torch')}</span>
          </button>
        )}
      </div>
    </>
  )
}

const key = 'certlink.phone.camera'

// Storage can be forbidden; then the camera is opened by hand each time.
function remembered(): boolean {
  try {
    return localStorage.getItem(key) === 'opened'
  } catch {
    return false
  }
}

function remember(): void {
  try {
    localStorage.setItem(key, 'opened')
  } catch {
    // As above.
  }
}

function FinderState({ state, onStart }: { state: CameraState; onStart: () => void }) {
  if (state === 'off') {
    return (
      <div class="finder-state">
        <Icon name="scan" class="icon-huge" />
        <Button kind="primary" size="large" testid="start-camera" onClick={onStart}>
          {t('start')}
        </Button>
        <p class="muted small">{t('startNote')}</p>
      </div>
    )
  }
  if (state === 'starting' || state === 'live') {
    return (
      <div class="finder-state" role="status">
        <Spinner large />
        <p>{t('starting')}</p>
      </div>
    )
  }
  const words = {
    refused: [t('refusedTitle'), t('refused')],
    absent: [t('absentTitle'), t('absent')],
    busy: [t('busyTitle'), t('busy')],
    insecure: [t('insecureTitle'), t('insecure')],
  }[state]
  return (
    <div class="finder-state" role="status" data-testid={`camera-${state}`}>
      <p class="finder-title">{words[0]}</p>
      <p class="small">{words[1]}</p>
      {state !== 'insecure' && (
        <Button testid="start-camera" onClick={onStart}>
          {t('retry')}
        </Button>
      )}
    </div>
  )
}

function Typed({ onCode, children }: { onCode: (code: string) => void; children: ComponentChildren }) {
  const form = useRef<HTMLFormElement>(null)
  const told = !!children
  useEffect(() => {
    if (told) form.current?.scrollIntoView({ block: 'end' })
  }, [told])
  const [typed, setTyped] = useState('')
  const [short, setShort] = useState(false)
  const error = short ? t('typedShort') : ''
  const submit = () => {
    const code = readTyped(typed)
    if (code) return onCode(code)
    setShort(true)
    document.getElementById('typed')?.focus()
  }
  return (
    <form
      ref={form}
      class="typed"
      onSubmit={(e) => {
        e.preventDefault()
        submit()
      }}
    >
      {children}
      <label for="typed">{t('typedLabel')}</label>
      <span class="hint" id="typed-hint">
        {t('typedHint')}
      </span>
      {error && (
        <span class="field-error" id="typed-error" role="alert">
          {error}
        </span>
      )}
      <div class="typed-row">
        <input
          id="typed"
          class="input mono"
          value={typed}
          placeholder="7K3QX-M2P9T"
          aria-describedby={error ? 'typed-error typed-hint' : 'typed-hint'}
          aria-invalid={error ? 'true' : undefined}
          autocomplete="off"
          autocapitalize="characters"
          spellcheck={false}
          enterkeyhint="go"
          data-testid="typed-input"
          onInput={(e) => {
            const input = e.currentTarget
            // Typing in the middle keeps the caret there; at the end the hyphen comes by itself.
            const atEnd = input.selectionStart === input.value.length
            const next = atEnd ? cleanTyped(input.value) : input.value.toUpperCase()
            input.value = next
            setTyped(next)
            setShort(false)
          }}
        />
        <Button kind="primary" submit testid="typed-submit">
          {t('typedSubmit')}
        </Button>
      </div>
    </form>
  )
}
