// The two digits of the phone, typed here: proof that who sits at this desk
// sees the phone that scanned.
import type { TargetedKeyboardEvent } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { QRSession } from '../../shared/model'
import { type Problem, asProblem } from '../../shared/problem'
import { Button, ProblemNote } from '../../shared/ui'
import { sendDigits } from './session'
import { f } from './words'

// Full-width digits of an input method are digits too.
export function onlyDigits(text: string): string {
  return text
    .replace(/[０-９]/g, (c) => String.fromCharCode(c.charCodeAt(0) - 0xfee0))
    .replace(/\D/g, '')
}

export function MatchPanel({ session, device, update }: { session: QRSession; device: string; update: (s: QRSession) => void }) {
  const [digits, setDigits] = useState(['', ''])
  const [busy, setBusy] = useState(false)
  const [left, setLeft] = useState<number | undefined>(session.match.tries_left < 3 ? session.match.tries_left : undefined)
  const [missing, setMissing] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const boxes = [useRef<HTMLInputElement>(null), useRef<HTMLInputElement>(null)] as const

  useEffect(() => boxes[0].current?.focus(), [])

  const typed = (at: 0 | 1, text: string) => {
    const found = onlyDigits(text)
    setMissing(false)
    // Typing, replacing and pasting both at once all end here.
    const next = [...digits]
    if (found.length >= 2 && at === 0) [next[0], next[1]] = [found[0] ?? '', found[1] ?? '']
    else next[at] = found.slice(-1)
    setDigits(next)
    if (found && at === 0) boxes[1].current?.focus()
    // A letter leaves the state as it was, so the box must be told itself.
    const box = boxes[at].current
    if (box && box.value !== next[at]) box.value = next[at] ?? ''
  }

  const keys = (at: 0 | 1, e: TargetedKeyboardEvent<HTMLInputElement>) => {
    if (e.key === 'Backspace' && at === 1 && digits[1] === '') boxes[0].current?.focus()
    if (e.key === 'ArrowLeft' && at === 1) boxes[0].current?.focus()
    if (e.key === 'ArrowRight' && at === 0) boxes[1].current?.focus()
  }

  const submit = async (e: Event) => {
    e.preventDefault()
    if (busy) return
    if (digits.some((d) => d === '')) {
      setMissing(true)
      boxes[digits[0] === '' ? 0 : 1].current?.focus()
      return
    }
    setBusy(true)
    setProblem(undefined)
    try {
      update(await sendDigits(session.id, digits.join('')))
    } catch (e) {
      const p = asProblem(e)
      if (p.code === 'match_wrong') {
        setLeft(p.triesLeft)
        setDigits(['', ''])
        boxes[0].current?.focus()
      } else setProblem(p)
    }
    setBusy(false)
  }

  const described = left !== undefined || missing ? 'match-error' : undefined
  return (
    <form class="match" onSubmit={(e) => void submit(e)}>
      <p>{f('matchText', { device })}</p>
      <div class="match-boxes" role="group" aria-label={f('matchTitle')}>
        {([0, 1] as const).map((at) => (
          <input
            key={at}
            ref={boxes[at]}
            class="match-box mono"
            type="text"
            inputMode="numeric"
            autocomplete="off"
            value={digits[at]}
            aria-label={f(at === 0 ? 'matchFirst' : 'matchSecond')}
            aria-invalid={described ? 'true' : undefined}
            aria-describedby={described}
            data-testid={`match-${at}`}
            onInput={(e) => typed(at, e.currentTarget.value)}
            onKeyDown={(e) => keys(at, e)}
            onFocus={(e) => e.currentTarget.select()}
          />
        ))}
      </div>
      <p class="match-error" id="match-error" role="alert" data-testid="tries-left">
        {missing ? f('matchNeed') : left !== undefined ? f('matchLeft', { n: left }) : ''}
      </p>
      {problem && <ProblemNote problem={problem} />}
      <Button submit kind="primary" size="large" busy={busy} testid="match-submit">
        {f('matchSubmit')}
      </Button>
    </form>
  )
}
