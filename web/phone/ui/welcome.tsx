// The first start, and the states in which there is nothing to go on with.
import { useState } from 'preact/hooks'
import { asProblem, type Problem } from '../../shared/problem'
import { Button, Dialog, Field, Icon, LangSwitch, Note, ProblemNote, type IconName } from '../../shared/ui'
import type { ComponentChildren } from 'preact'
import { t } from '../words/shell'
import { usePhone } from './use'

// A guess to begin with; the person writes what they like.
export function guessName(ua: string): { name: string; platform: string } {
  if (/iPad|Tablet|Android(?!.*Mobile)/i.test(ua)) return { name: t('phoneTablet'), platform: /iPad/i.test(ua) ? 'iPadOS' : 'Android' }
  if (/Android/i.test(ua)) return { name: t('phoneAndroid'), platform: 'Android' }
  if (/iPhone/i.test(ua)) return { name: t('phoneIphone'), platform: 'iOS' }
  return { name: t('phoneOther'), platform: 'web' }
}

export function Welcome() {
  const phone = usePhone()
  const guess = guessName(navigator.userAgent)
  const [typed, setName] = useState<string | undefined>(phone.device?.name)
  const name = typed ?? guess.name // in the language of the page until it is changed
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState('')
  const [problem, setProblem] = useState<Problem | undefined>(undefined)

  const start = async () => {
    if (name.trim() === '') {
      setError(t('nameMissing'))
      return document.getElementById('device-name')?.focus()
    }
    setBusy(true)
    setProblem(undefined)
    try {
      await phone.register(name.trim(), guess.platform)
    } catch (e) {
      setProblem(asProblem(e))
      setBusy(false)
    }
  }

  return (
    <Bare testid="welcome">
      <div class="welcome-mark" aria-hidden="true">
        <Icon name="phone" />
      </div>
      <h1>{t('welcomeTitle')}</h1>
      <ul class="welcome-list" role="list">
        <Point icon="scan" text={t('welcomeWhat')} />
        <Point icon="inbox" text={t('welcomeSee')} />
        <Point icon="lock" text={t('welcomeKeys')} />
      </ul>
      <form
        class="stack"
        onSubmit={(e) => {
          e.preventDefault()
          void start()
        }}
      >
        <Field
          id="device-name"
          label={t('deviceName')}
          hint={t('deviceNameHint')}
          value={name}
          maxLength={40}
          testid="device-name"
          {...(error ? { error } : {})}
          onInput={(v) => (setName(v), setError(''))}
        />
        {problem && <ProblemNote problem={problem} />}
        <Button kind="primary" size="large" wide submit busy={busy} testid="start">
          {busy ? t('starting') : t('start')}
        </Button>
        <p class="muted small">{t('startNote')}</p>
      </form>
    </Bare>
  )
}

function Point(p: { icon: IconName; text: string }) {
  return (
    <li>
      <Icon name={p.icon} />
      <span>{p.text}</span>
    </li>
  )
}

// A page without the menu: there is nowhere to go yet.
export function Bare(p: { testid: string; children: ComponentChildren }) {
  return (
    <div class="bare">
      <header class="bare-top">
        <span class="brand">certlink</span>
        <LangSwitch />
      </header>
      <main class="view welcome" data-testid={p.testid} tabIndex={-1}>
        {p.children}
      </main>
    </div>
  )
}

export function Insecure() {
  return (
    <Bare testid="insecure">
      <h1>{t('insecureTitle')}</h1>
      <Note tone="warn">
        <p>{t('insecureWhat')}</p>
      </Note>
      <p>{t('insecureNext')}</p>
      <p class="muted small">{t('insecureAddress', { address: location.origin })}</p>
    </Bare>
  )
}

export function TooOld() {
  return (
    <Bare testid="too-old">
      <h1>{t('oldTitle')}</h1>
      <Note tone="warn">
        <p>{t('oldWhat')}</p>
      </Note>
      <p>{t('oldNext')}</p>
    </Bare>
  )
}

export function Broken({ onRetry }: { onRetry: () => void }) {
  return (
    <Bare testid="broken">
      <h1>{t('brokenTitle')}</h1>
      <Note tone="warn">
        <p>{t('brokenWhat')}</p>
      </Note>
      <Button kind="primary" size="large" wide onClick={onRetry}>
        {t('retry')}
      </Button>
    </Bare>
  )
}

export function OtherOrigin({ origin }: { origin: string }) {
  return (
    <Bare testid="other-origin">
      <h1>{t('originTitle')}</h1>
      <Note tone="warn">
        <p>{t('originWhat', { here: location.origin, origin })}</p>
      </Note>
      <a class="button button-primary button-large button-wide" href={`${origin}/phone/`}>
        {t('originGo')}
      </a>
    </Bare>
  )
}

export function Gone({ why }: { why: 'unknown' | 'revoked' }) {
  const phone = usePhone()
  const [asking, setAsking] = useState(false)
  return (
    <Bare testid={`device-${why}`}>
      <h1>{t(`${why}Title`)}</h1>
      <Note tone="danger">
        <p>{t(`${why}What`)}</p>
      </Note>
      <Button kind="primary" size="large" wide testid="register-again" onClick={() => setAsking(true)}>
        {t('registerAgain')}
      </Button>
      {asking && (
        <Dialog title={t('registerAgain')} narrow onClose={() => setAsking(false)}>
          <p>{t('registerAgainSure')}</p>
          <div class="dialog-foot">
            <Button onClick={() => setAsking(false)}>{t('keep')}</Button>
            <Button kind="danger" testid="register-again-yes" onClick={() => void phone.startOver()}>
              {t('clear')}
            </Button>
          </div>
        </Dialog>
      )}
    </Bare>
  )
}
