// 解密演练 with a U-Key: a challenge that only the token's encryption key can open. It
// proves, before any opening and without touching a bid, that bids can still be read.
import { useEffect, useRef, useState } from 'preact/hooks'
import { isAbort } from '../../shared/api'
import { visible } from '../../shared/format'
import { Problem, asProblem } from '../../shared/problem'
import { Button, Dialog, Note, ProblemNote, Waiting, announce } from '../../shared/ui'
import { useLoad } from '../load'
import { call } from '../state'
import { w } from '../words'
import { Silent } from './bridge'
import { Connect } from './connect'
import { Window } from './dialog'
import { useBridge } from './use'
import { u } from './words'

interface Rehearsal {
  id: string
  state: 'asked' | 'passed' | 'failed'
  certificate: string
  statement: string
  challenge: string
  revoked?: boolean
}

type Step = { kind: 'ready' } | { kind: 'asking' } | { kind: 'over'; passed: boolean } | { kind: 'failed'; problem: Problem }

export function RehearseDialog({ binding, holder, onClose, fallback }: { binding: string; holder: string; onClose: () => void; fallback: string }) {
  const bridge = useBridge()
  const [round, setRound] = useState(0)
  const at = `/v1/bindings/${encodeURIComponent(binding)}/rehearsals`
  const made = useLoad((signal) => call<Rehearsal>('POST', at, { body: {}, signal }), [round])
  const [step, setStep] = useState<Step>({ kind: 'ready' })
  const leaving = useRef<AbortController | undefined>(undefined)
  useEffect(() => () => leaving.current?.abort(), [])
  const ready = bridge.stage.kind === 'ready'
  const r = made.data
  const token = r && bridge.tokens?.tokens.find((t) => t.certificates.some((c) => c.id === r.certificate))

  const run = async () => {
    if (!r || !token) return
    const mine = new AbortController()
    leaving.current = mine
    setStep({ kind: 'asking' })
    try {
      const answer = await bridge.client.rehearse(token.id, r.certificate, r.statement, r.challenge, mine.signal)
      const done = await call<Rehearsal>('POST', `${at}/${encodeURIComponent(r.id)}`, { body: { answer }, signal: mine.signal })
      setStep({ kind: 'over', passed: done.state === 'passed' })
      announce(u(done.state === 'passed' ? 'rehearsedTitle' : 'rehearseFailedTitle'), true)
    } catch (e) {
      if (isAbort(e)) return
      if (e instanceof Silent) {
        bridge.look()
        setStep({ kind: 'ready' })
        return
      }
      setStep({ kind: 'failed', problem: asProblem(e) })
    }
  }
  const again = () => {
    setStep({ kind: 'ready' })
    setRound((n) => n + 1)
  }
  return (
    <Dialog title={u('rehearse')} onClose={onClose} testid="rehearse-dialog" fallback={fallback}>
      <p class="session-for">
        <span class="muted">{u('holder')}</span> <strong>{visible(holder)}</strong>
      </p>
      <div class="stack" data-testid="rehearse-state" data-state={step.kind === 'over' ? (step.passed ? 'passed' : 'refused') : step.kind}>
        {step.kind === 'ready' && <p>{u('rehearseLead')}</p>}
        {r?.revoked && (
          <Note tone="warn" title={u('pairRevokedTitle')} testid="pair-revoked">
            <p>{u('pairRevokedText')}</p>
          </Note>
        )}
        {step.kind === 'ready' && made.problem && <ProblemNote problem={made.problem} onRetry={again} retryText={u('retry')} />}
        {step.kind === 'ready' && !made.problem && !ready && <Connect bridge={bridge} leave={onClose} />}
        {step.kind === 'ready' && ready && !made.problem && (!r || !bridge.tokens) && <Waiting text={u('reading')} />}
        {step.kind === 'ready' && ready && r && bridge.tokens && !token && (
          <Note tone="warn" testid="token-other" live>
            <p>{u('encryptMissing')}</p>
          </Note>
        )}
        {step.kind === 'asking' && <Window operation={bridge.operation} />}
        {step.kind === 'over' && (
          <Note tone={step.passed ? 'good' : 'danger'} title={u(step.passed ? 'rehearsedTitle' : 'rehearseFailedTitle')} testid="rehearsed">
            <p>{u(step.passed ? 'rehearsedText' : 'rehearseFailedText')}</p>
          </Note>
        )}
        {step.kind === 'failed' && <ProblemNote problem={step.problem} meaning={u('rehearseNothing')} onRetry={again} retryText={u('retry')} />}
      </div>
      <div class="dialog-foot">
        <Button onClick={onClose} testid="cancel">
          {w(step.kind === 'over' ? 'close' : 'cancel')}
        </Button>
        {step.kind === 'ready' && ready && token && (
          <Button kind="primary" onClick={() => void run()} testid="rehearse-run">
            {u('rehearseRun')}
          </Button>
        )}
      </div>
    </Dialog>
  )
}
