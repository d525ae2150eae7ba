// The code on the screen: the largest thing in the dialog, a thin ring around it
// for the time left, three lines on how to scan, and the two other ways. On a phone,
// which cannot scan itself, the way into its own app comes first.
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { minutesSeconds } from '../../shared/format'
import type { QRSession } from '../../shared/model'
import { type Problem, asProblem } from '../../shared/problem'
import { Button, Icon, ProblemNote, QR, Spinner, announce } from '../../shared/ui'
import { type Running, sameDeviceLink, typedCode } from './session'
import { useHandheld, useNarrow, useSecondsUntil } from './tick'
import { f } from './words'

// A code that stands still for longer would be refused as stale: a person must
// not scan it in vain, so it is hidden until the next one comes.
const staleAfter = 4_000

interface Props {
  running: Running
  session: QRSession | undefined
  typedAllowed: boolean
  // Another way to the phone, beside the code.
  beside?: ComponentChildren
}

export function CodePanel({ running, session, typedAllowed, beside }: Props) {
  const narrow = useNarrow()
  const handheld = useHandheld()
  const [shown, setShown] = useState(false)
  const size = narrow ? 272 : 300
  const left = useSecondsUntil(session?.expires_at)
  const stale = running.code !== undefined && Date.now() - running.codeAt > staleAfter
  const [typed, setTyped] = useState<string | undefined>(undefined)
  const [link, setLink] = useState<{ href: string; opened: boolean } | undefined>(undefined)
  const [busy, setBusy] = useState<'typed' | 'link' | undefined>(undefined)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)

  // What the ring is a part of: the longest time that was ever left.
  const [whole, setWhole] = useState(60)
  useEffect(() => {
    if (session) setWhole((was) => Math.max(was, Math.round((Date.parse(session.expires_at) - Date.parse(session.created_at)) / 1000)))
  }, [session?.expires_at])

  useEffect(() => {
    if (session && (left === 30 || left === 10)) announce(f('leftSpoken', { n: left }))
  }, [left])

  // A reload shows the typed code again: asking for it twice gives the same one.
  useEffect(() => {
    if (session?.typed_code_active && !typed && !busy) void askTyped()
  }, [session?.typed_code_active])

  const askTyped = async () => {
    if (!session) return
    setBusy('typed')
    setProblem(undefined)
    try {
      const { code } = await typedCode(session.id)
      setTyped(code)
      announce(f('typedSpoken', { code: code.split('').join(' ') }))
    } catch (e) {
      setProblem(asProblem(e))
    }
    setBusy(undefined)
  }

  const openHere = async () => {
    if (!session) return
    // Opened at the click, before the answer is there, or the browser blocks it.
    const tab = window.open('about:blank', '_blank')
    setBusy('link')
    setProblem(undefined)
    try {
      const { link } = await sameDeviceLink(session.id)
      if (tab) {
        tab.opener = null
        tab.location.replace(link)
      }
      setLink({ href: link, opened: tab !== null })
      if (tab) announce(f('linkOpened'))
    } catch (e) {
      tab?.close()
      setProblem(asProblem(e))
    }
    setBusy(undefined)
  }

  const drawn = running.code !== undefined && !stale
  const countdown = (
    <p class="nums muted" data-testid="countdown" data-seconds={left}>
      {session ? f('left', { time: minutesSeconds(left) }) : '\u00a0'}
    </p>
  )
  const opened = link && (
    <p class="small" role="status">
      {link.opened ? (
        f('linkOpened')
      ) : (
        <>
          {f('linkReady')}{' '}
          <a href={link.href} target="_blank" rel="noopener" data-testid="same-device-link">
            {f('linkOpen')}
          </a>
        </>
      )}
    </p>
  )
  if (handheld && !shown) {
    return (
      <div class="here">
        <p>{f('hereText')}</p>
        <Button kind="primary" size="large" wide testid="same-device" busy={busy === 'link'} off={!session} onClick={() => void openHere()}>
          <Icon name="phone" />
          {f('sameDevice')}
        </Button>
        {countdown}
        {opened}
        {problem && <ProblemNote problem={problem} />}
        {beside}
        <div class="scan-other">
          <p class="muted">{f('elsewhere')}</p>
          <Button wide testid="show-code" onClick={() => setShown(true)}>
            {f('showCode')}
          </Button>
        </div>
      </div>
    )
  }
  return (
    <div class="scan">
      <div class="scan-code">
        <div class={narrow ? 'ring ring-narrow' : 'ring'}>
          <svg class="ring-svg" viewBox="0 0 100 100" aria-hidden="true" focusable="false">
            <rect class="ring-rest" x="0.75" y="0.75" width="98.5" height="98.5" rx="4" pathLength="100" />
            <rect class="ring-left" x="0.75" y="0.75" width="98.5" height="98.5" rx="4" pathLength="100" stroke-dasharray={`${Math.min(100, (100 * left) / whole)} 100`} />
          </svg>
          <div class="ring-inside">
            {drawn && running.code ? (
              <QR text={running.code} size={size} testid="qr-code" state="live" />
            ) : (
              <div class={narrow ? 'qr-gone qr-gone-narrow' : 'qr-gone'} data-testid="qr-code" data-state={stale ? 'stale' : 'loading'}>
                {stale ? <Icon name="offline" /> : <Spinner large />}
                <strong>{stale ? f('paused') : f('starting')}</strong>
                {stale && <span>{f('pausedText')}</span>}
              </div>
            )}
          </div>
        </div>
        {countdown}
      </div>
      <div class="scan-how">
        <ol class="steps">
          <li>{f('step1')}</li>
          <li>{f(narrow ? 'step2narrow' : 'step2')}</li>
          <li>{f('step3')}</li>
        </ol>
        <p class="small muted">{f('noApp', { address: `${location.origin}/phone/` })}</p>
        <div class="scan-other">
          {typed ? (
            <div class="typed">
              <span>{f('typedTitle')}</span>
              <strong class="typed-code mono" data-testid="typed-code-value">
                {typed}
              </strong>
              <span class="small muted">{f('typedText')}</span>
            </div>
          ) : (
            <p class="muted">{f('noCamera')}</p>
          )}
          <div class="row">
            {typedAllowed && !typed && (
              <Button size="small" testid="typed-code" busy={busy === 'typed'} off={!session} onClick={() => void askTyped()}>
                <Icon name="keyboard" />
                {f('typedAsk')}
              </Button>
            )}
            <Button size="small" testid="same-device" busy={busy === 'link'} off={!session} onClick={() => void openHere()}>
              <Icon name="phone" />
              {f('sameDevice')}
            </Button>
          </div>
          {beside}
          {opened}
          {problem && <ProblemNote problem={problem} />}
        </div>
      </div>
    </div>
  )
}
