// A statement signed by a U-Key, of whatever purpose: the bridge, the token, the certificate, the window on the
// desktop, and what came of it. Nothing is lost when a step fails; it is tried again
// where it was.
import { useEffect, useRef, useState } from 'preact/hooks'
import { isAbort } from '../../shared/api'
import type { Provider } from '../../shared/model'
import { Problem, asProblem } from '../../shared/problem'
import { Button, Dialog, Note, ProblemNote, Spinner, announce } from '../../shared/ui'
import { Call, EndPanel, Outcome } from '../flow/end'
import { call } from '../state'
import { productName, providerName, w } from '../words'
import { type Operation, Silent } from './bridge'
import { Choose, type Usable, good, key, twinOf, usable } from './choose'
import { Connect, Download } from './connect'
import type { UKeySession } from './model'
import { useBridge } from './use'
import { u } from './words'

interface Props {
  title: string
  fallback: string
  who: string
  forText: string
  // What POST /v1/ukey-sessions is asked for.
  request: Record<string, string>
  provider: Provider
  // The only certificate that can sign this, by its fingerprint, and what to say while
  // it is on no token.
  only?: string
  onlyMissing?: string
  // What the button says, and what it means that nothing came of it.
  signText: string
  failedText: string
  onBack: () => void
  onClose: () => void
  onDone: (result: UKeySession['result']) => void
}

type Step = { kind: 'choose' } | { kind: 'signing'; statement: string } | { kind: 'sending' } | { kind: 'over'; session: UKeySession } | { kind: 'failed'; problem: Problem }

export function UKeyDialog(p: Props) {
  const bridge = useBridge()
  const [chosen, setChosen] = useState('')
  const [error, setError] = useState<string | undefined>(undefined)
  const [step, setStep] = useState<Step>({ kind: 'choose' })
  const [cut, setCut] = useState(false) // the bridge went away while it signed
  const open = useRef<UKeySession | undefined>(undefined)
  const leaving = useRef<AbortController | undefined>(undefined)
  const all = usable(bridge.tokens, p.only)
  const able = all.filter(good)

  // The only certificate need not be picked; one that is gone is chosen no longer.
  useEffect(() => {
    if (chosen && !able.some((x) => key(x) === chosen)) setChosen('')
    const only = able.length === 1 ? able[0] : undefined
    if (only && !chosen) setChosen(key(only))
  }, [bridge.tokens, chosen])

  const drop = () => {
    leaving.current?.abort() // the window on the desktop is closed with it
    const s = open.current
    open.current = undefined
    if (s) void call('POST', `/v1/ukey-sessions/${s.id}/cancel`, { body: {} }).catch(() => undefined)
  }
  useEffect(() => drop, [])

  const sign = async () => {
    const x = able.find((y) => key(y) === chosen)
    setError(x ? undefined : u('needCert'))
    if (!x) return
    const mine = new AbortController()
    leaving.current = mine
    setCut(false)
    try {
      const s = await call<UKeySession>('POST', '/v1/ukey-sessions', { body: { ...p.request, ...pair(p.request, x) } })
      open.current = s
      setStep({ kind: 'signing', statement: s.id })
      const jws = await bridge.client.sign(x.token.id, x.certificate.id, s.statement, mine.signal)
      setStep({ kind: 'sending' })
      const done = await settled(await call<UKeySession>('POST', `/v1/ukey-sessions/${s.id}/confirm`, { body: { jws } }), mine.signal)
      open.current = undefined
      setStep({ kind: 'over', session: done })
    } catch (e) {
      if (isAbort(e)) return
      drop()
      if (e instanceof Silent) {
        bridge.look()
        setCut(true)
        setStep({ kind: 'choose' })
        return
      }
      setStep({ kind: 'failed', problem: asProblem(e) })
    }
  }

  const retry = () => setStep({ kind: 'choose' })
  const close = () => {
    drop()
    if (step.kind === 'over' && step.session.state === 'confirmed') p.onDone(step.session.result)
    else p.onClose()
  }
  const ready = bridge.stage.kind === 'ready'
  return (
    <Dialog title={p.title} onClose={step.kind === 'sending' ? undefined : close} testid="ukey-dialog" fallback={p.fallback}>
      <p class="session-for">
        <span class="muted">{p.forText}</span> <strong>{p.who}</strong>
        <span class="badge">{productName(p.provider, 'ukey')}</span>
      </p>
      <div class="stack" data-testid="ukey-state" data-state={step.kind === 'choose' ? bridge.stage.kind : step.kind === 'over' ? step.session.state : step.kind}>
        {step.kind === 'choose' && cut && (
          <Note tone="warn" title={u('cutTitle')} testid="bridge-cut" live>
            <p>{p.failedText}</p>
            <p>{u(ready ? 'cutAgain' : 'cutText')}</p>
          </Note>
        )}
        {step.kind === 'choose' && !ready && <Connect bridge={bridge} leave={p.onClose} />}
        {step.kind === 'choose' && ready && (
          <>
            {bridge.update && (
              <Note testid="bridge-update">
                <p>{u('updateText')}</p>
                <Download />
              </Note>
            )}
            <Choose tokens={bridge.tokens} only={p.only} onlyMissing={p.onlyMissing} provider={p.provider} chosen={chosen} error={error} onChoose={(k) => (setChosen(k), setError(undefined))} leave={p.onClose} />
          </>
        )}
        {step.kind === 'signing' && <Window operation={bridge.operation} />}
        {step.kind === 'sending' && <Busy title={u('sendingTitle')} text={u('sendingText')} />}
        {step.kind === 'over' && <EndPanel session={step.session} provider={p.provider} requestId="" onRestart={retry} onBack={p.onBack} onDone={close} />}
        {step.kind === 'failed' && (
          <ProblemNote problem={step.problem} meaning={meaning(step.problem, p)} onRetry={step.problem.code === 'ukey_pin_locked' ? undefined : retry} retryText={u('retry')}>
            {callFor.has(step.problem.code) && <Call provider={p.provider} />}
          </ProblemNote>
        )}
      </div>
      {(step.kind === 'choose' || step.kind === 'failed' || step.kind === 'signing') && (
        <div class="dialog-foot">
          {step.kind !== 'signing' && (
            <Button onClick={() => (drop(), p.onBack())} testid="back">
              {w('back')}
            </Button>
          )}
          <Button onClick={close} testid="cancel">
            {w('cancel')}
          </Button>
          {step.kind === 'choose' && ready && all.length > 0 && (
            <Button kind="primary" onClick={() => void sign()} testid="sign">
              {p.signText}
            </Button>
          )}
        </div>
      )}
    </Dialog>
  )
}

// pair names the encryption certificate beside the signing one, where a binding is to
// know it.
function pair(request: Record<string, string>, x: Usable): Record<string, string> {
  const twin = request['purpose'] === 'bind' || request['purpose'] === 'replace' ? twinOf(x) : undefined
  return twin ? { encryption_certificate: twin.der } : {}
}

// A server that could not act at once does so soon; the page waits for it.
async function settled(s: UKeySession, signal: AbortSignal): Promise<UKeySession> {
  while (s.state === 'accepted') {
    await new Promise((go) => setTimeout(go, 1000))
    s = await call<UKeySession>('GET', `/v1/ukey-sessions/${s.id}`, { signal })
  }
  return s
}

// Refusals after which a person calls the provider.
const callFor: ReadonlySet<string> = new Set(['ukey_pin_locked', 'bridge_last_try_declined', 'certificate_expired', 'certificate_revoked', 'ukey_pin_unset'])

function meaning(problem: Problem, p: Props): string {
  if (problem.code === 'certificate_untrusted') return u('wrongProvider', { provider: providerName(p.provider) })
  return p.failedText
}

// What the window on the desktop asks at the moment.
export function Window({ operation }: { operation: Operation | undefined }) {
  const state = operation?.state ?? 'pin'
  const left = operation?.tries_left
  const wrong = operation?.wrong ? (left === undefined ? u('waitWrong') : u('waitWrongLeft', { n: left })) : ''
  const title = state === 'last_try' ? u('lastTitle') : state === 'own' ? u('ownTitle') : state === 'signing' ? u('signingTitle') : u('waitTitle')
  useEffect(() => announce(wrong ? `${wrong} ${title}` : title, wrong !== ''), [title, wrong])
  return (
    <div class="stack" data-testid="desktop-window" data-state={state}>
      {wrong && (
        <Note tone="warn" testid="pin-wrong">
          {wrong}
        </Note>
      )}
      <Busy title={title} text={state === 'last_try' ? u('lastText') : state === 'signing' ? u('signingText') : u('waitText')} />
    </div>
  )
}

export function Busy({ title, text }: { title: string; text: string }) {
  return (
    <Outcome icon="lock" tone="plain">
      <Spinner large />
      <p class="outcome-lead">{title}</p>
      <p>{text}</p>
    </Outcome>
  )
}
