// Asking for the PIN: the first one, the right one, a changed one, and the way
// out when it is locked or forgotten.
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { asProblem, type Problem } from '../../shared/problem'
import { Button, Note, ProblemCode, ProblemNote, Waiting, announce } from '../../shared/ui'
import { weakPin } from '../core/wrap'
import { t } from '../words/pin'
import { Head } from './bits'
import { PinPad } from './pinpad'
import { ResetPin } from './pinreset'
import { useLoad, usePhone } from './use'

interface Props {
  // What the PIN is asked for, in words: nobody enters one without knowing.
  context?: ComponentChildren
  onOpen: (under: CryptoKey) => void
  onCancel: () => void
  // After a reset there may be no key left to open: then there is no need of a PIN.
  onReset?: () => void
}

// AskPin ends with the wrapping key, whatever it takes to get there.
export function AskPin(p: Props) {
  const phone = usePhone()
  const me = useLoad(() => phone.refresh(), [])
  const [resetting, setResetting] = useState(false)
  const [known, setKnown] = useState<boolean | undefined>(undefined) // there is a PIN after all

  if (resetting) return <ResetPin onBack={() => setResetting(false)} onDone={p.onReset ?? (() => (setResetting(false), setKnown(false), me.reload()))} />
  const pin = me.data?.pin
  if (!pin) {
    return (
      <section class="view">
        <Head title={t('enterWrap')} backTo={p.onCancel} />
        {me.problem ? <ProblemNote problem={me.problem} onRetry={me.reload} /> : <Waiting />}
      </section>
    )
  }
  if (pin.locked) return <Locked onCancel={p.onCancel} onReset={() => setResetting(true)} />
  if (known ?? pin.set) return <EnterPin {...p} already={known === true && !pin.set} left={pin.tries_left} onForgot={() => setResetting(true)} onLocked={me.reload} onUnset={() => (setKnown(false), me.reload())} />
  return <FirstPin {...p} onKnown={() => setKnown(true)} />
}

interface EnterProps extends Props {
  already: boolean
  left: number | undefined
  onForgot: () => void
  onLocked: () => void
  onUnset: () => void
}

function EnterPin(p: EnterProps) {
  const phone = usePhone()
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)

  const enter = async (pin: string) => {
    setBusy(true)
    setProblem(undefined)
    announce(t('checking'))
    try {
      const under = await phone.pin.enter(pin)
      p.onOpen(under)
    } catch (e) {
      const found = asProblem(e)
      setBusy(false)
      if (found.code === 'pin_locked') return p.onLocked()
      if (found.code === 'pin_not_set') return p.onUnset()
      setProblem(found)
    }
  }

  return (
    <section class="view view-pin">
      <Head title={t('enter')} backTo={p.onCancel} backText={t('cancel')} />
      {p.context}
      <div class="pin-say">
        {p.already && !problem && <Note>{t('alreadySet')}</Note>}
        {!problem && !p.already && p.left !== undefined && p.left < 5 && <Tries left={p.left} />}
        {problem && (problem.code === 'pin_wrong' ? <Tries left={problem.triesLeft} wrong /> : <PinProblem problem={problem} />)}
      </div>
      <PinPad busy={busy} onDone={(pin) => void enter(pin)} />
      <p class="centre">
        <Button kind="quiet" testid="pin-forgot" onClick={p.onForgot}>
          {t('forgot')}
        </Button>
      </p>
    </section>
  )
}

// What was typed is gone by now, though a page without an answer otherwise keeps it.
function PinProblem({ problem }: { problem: Problem }) {
  if (problem.code !== 'offline' && problem.code !== 'slow') return <ProblemNote problem={problem} />
  return (
    <Note tone="warn" live testid="problem">
      <p>{t('unanswered')}</p>
      <ProblemCode problem={problem} />
    </Note>
  )
}

function Tries({ left, wrong }: { left: number | undefined; wrong?: boolean }) {
  const text = left === undefined ? t('wrongPlain') : left === 1 ? t('wrongLast') : t('wrong', { n: left })
  return (
    <Note tone={left === 1 ? 'danger' : 'warn'} live={wrong === true} testid="tries-left">
      <p data-tries={left}>{text}</p>
    </Note>
  )
}

function FirstPin(p: Props & { onKnown: () => void }) {
  const phone = usePhone()
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)

  const set = async (pin: string) => {
    setBusy(true)
    setProblem(undefined)
    try {
      p.onOpen(await phone.pin.first(pin))
    } catch (e) {
      const found = asProblem(e)
      setBusy(false)
      // Set before, by a request whose answer was lost, and with another PIN.
      if (found.code === 'pin_wrong') return p.onKnown()
      setProblem(found)
    }
  }

  return (
    <ChoosePin title={t('first')} repeat={t('repeat')} busy={busy} onCancel={p.onCancel} onChosen={(pin) => void set(pin)} problem={problem}>
      <p class="muted small">{t('firstNote')}</p>
      <p class="muted small">{t('firstNote2')}</p>
    </ChoosePin>
  )
}

interface ChooseProps {
  title: string
  repeat: string
  busy: boolean
  problem: Problem | undefined
  onChosen: (pin: string) => void
  onCancel: () => void
  children?: ComponentChildren
}

// ChoosePin asks twice, and says so when a thief would try this one first.
export function ChoosePin(p: ChooseProps) {
  const [first, setFirst] = useState('')
  const [weak, setWeak] = useState('')
  const [differ, setDiffer] = useState(false)

  if (weak) {
    return (
      <section class="view view-pin">
        <Head title={t('weak')} backTo={p.onCancel} backText={t('cancel')} />
        <Note tone="warn" testid="pin-weak">
          <p>{t('weakNote')}</p>
        </Note>
        <div class="stack-s">
          <Button kind="primary" size="large" wide testid="pin-weak-other" onClick={() => setWeak('')}>
            {t('weakOther')}
          </Button>
          <Button size="large" wide testid="pin-weak-keep" onClick={() => (setFirst(weak), setWeak(''))}>
            {t('weakKeep')}
          </Button>
        </div>
      </section>
    )
  }
  const done = (pin: string) => {
    setDiffer(false)
    if (!first) return weakPin(pin) ? setWeak(pin) : setFirst(pin)
    setFirst('')
    if (pin !== first) return setDiffer(true)
    p.onChosen(pin)
  }
  return (
    <section class="view view-pin" data-step={first ? 'repeat' : 'first'} data-testid="pin-choose">
      <Head title={first ? p.repeat : p.title} backTo={first ? () => setFirst('') : p.onCancel} backText={first ? undefined : t('cancel')} />
      {!first && !differ && !p.problem && p.children}
      <div class="pin-say">
        {differ && (
          <Note tone="warn" live>
            <p>{t('repeatWrong')}</p>
          </Note>
        )}
        {p.problem && <PinProblem problem={p.problem} />}
      </div>
      <PinPad key={first ? 'again' : 'first'} busy={p.busy} onDone={done} />
    </section>
  )
}

// ChangePin: the present one, then the new one twice.
export function ChangePin(p: { onDone: () => void; onCancel: () => void; onForgot: () => void }) {
  const phone = usePhone()
  const [from, setFrom] = useState('')
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  useEffect(() => () => setFrom(''), [])

  const check = async (pin: string) => {
    setBusy(true)
    setProblem(undefined)
    try {
      // Asked at once, so that a wrong one is told before a new one is thought of.
      await phone.pin.enter(pin)
      setFrom(pin)
    } catch (e) {
      setProblem(asProblem(e))
    }
    setBusy(false)
  }
  const change = async (to: string) => {
    setBusy(true)
    setProblem(undefined)
    try {
      await phone.pin.change(from, to)
      p.onDone()
    } catch (e) {
      setProblem(asProblem(e))
      setBusy(false)
    }
  }

  if (from) return <ChoosePin title={t('new')} repeat={t('newRepeat')} busy={busy} problem={problem} onChosen={(to) => void change(to)} onCancel={p.onCancel} />
  if (problem?.code === 'pin_locked') return <Locked onCancel={p.onCancel} onReset={p.onForgot} />
  return (
    <section class="view view-pin">
      <Head title={t('current')} backTo={p.onCancel} backText={t('cancel')} />
      <div class="pin-say">{problem && (problem.code === 'pin_wrong' ? <Tries left={problem.triesLeft} wrong /> : <PinProblem problem={problem} />)}</div>
      <PinPad busy={busy} onDone={(pin) => void check(pin)} />
      <p class="centre">
        <Button kind="quiet" onClick={p.onForgot}>
          {t('forgot')}
        </Button>
      </p>
    </section>
  )
}

export function Locked(p: { onCancel: () => void; onReset: () => void }) {
  return (
    <section class="view" data-testid="pin-locked">
      <Head title={t('lockedTitle')} backTo={p.onCancel} />
      <Note tone="danger">
        <p>{t('locked')}</p>
      </Note>
      <p>{t('lockedNext')}</p>
      <Button kind="primary" size="large" wide testid="pin-reset" onClick={p.onReset}>
        {t('reset')}
      </Button>
    </section>
  )
}
