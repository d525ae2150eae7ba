// What is to be done now, for each state of a renewal.
import { useState } from 'preact/hooks'
import { date, dateTime, visible } from '../../shared/format'
import { either } from '../../shared/i18n'
import { type Problem, asProblem } from '../../shared/problem'
import { Button, Dialog, Note, ProblemNote, Spinner } from '../../shared/ui'
import { go } from '../router'
import { call } from '../state'
import { providerName, w } from '../words'
import { Expired } from './expired'
import { GuardPanel } from './guard'
import type { Prompt, Renewal } from './model'
import { QRDialog } from './scan'
import { SignByToken } from './token'
import { r } from './words'

export interface Props {
  n: Renewal
  take: (n: Renewal) => void
}

export function Course(p: Props) {
  switch (p.n.state) {
    case 'payment':
      return <Payment {...p} />
    case 'extension':
      return p.n.expired && p.n.medium === 'mobile' ? <Expired {...p} /> : p.n.medium === 'ukey' ? <Leave {...p} /> : <Ask {...p} />
    case 'extending':
      return p.n.course ? <Site {...p} /> : <Extending {...p} />
    case 'extended':
      return <Extended {...p} />
    case 'refunding':
      return (
        <Note title={r('refundingTitle')} testid="course" live>
          <p>{r('refundingText')}</p>
        </Note>
      )
    case 'refunded':
      return (
        <Note title={r('refundedTitle')} testid="course">
          <p>{r('refundedText')}</p>
        </Note>
      )
    default:
      return (
        <Note title={r('cancelledTitle')} testid="course">
          <p>{r('cancelled')}</p>
        </Note>
      )
  }
}

// reread takes the renewal as it is now. The page follows it by itself; this is sooner.
export function reread({ n, take }: Props): void {
  void call<Renewal>('GET', `/v1/renewals/${encodeURIComponent(n.id)}`).then(take, () => undefined)
}

// useAct does one thing to the renewal and takes what it then is.
export function useAct({ n, take }: Props) {
  const [busy, setBusy] = useState('')
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const act = async (tail: string, body: object = {}): Promise<Renewal | undefined> => {
    setBusy(tail)
    setProblem(undefined)
    try {
      const now = await call<Renewal>('POST', `/v1/renewals/${encodeURIComponent(n.id)}/${tail}`, { body })
      take(now)
      return now
    } catch (e) {
      setProblem(asProblem(e))
      return undefined
    } finally {
      setBusy('')
    }
  }
  return { busy, act, note: problem && <ProblemNote problem={problem} meaning={r('problemAct')} /> }
}

function Payment(p: Props) {
  const { busy, act, note } = useAct(p)
  return (
    <div class="stack" data-testid="course">
      <Note tone="warn" title={r('payTitle')}>
        <p>{r(p.n.medium === 'ukey' ? 'payTextToken' : 'payText')}</p>
      </Note>
      {note}
      <div class="row">
        {p.n.order && (
          <Button kind="primary" onClick={() => go('cashier', p.n.order)} testid="to-cashier">
            {r('toPay')}
          </Button>
        )}
        <Button busy={busy === 'cancel'} onClick={() => void act('cancel')} testid="renew-cancel">
          {r('cancel')}
        </Button>
      </div>
    </div>
  )
}

// promptText says what the phone is asked now.
function promptText(q: Prompt | undefined): string {
  if (!q) return r('ask_sending')
  const device = visible(q.device.name)
  switch (q.state) {
    case 'waiting':
      return q.opens_at ? r('ask_waiting', { device, time: dateTime(q.opens_at) }) : r('ask_waitingSoon', { device })
    case 'open':
      return q.purpose === 'acknowledge' ? r('ack_open', { device }) : r(q.seen_at ? 'ask_seen' : 'ask_open', { device })
    case 'accepted':
      return r('ask_accepted')
    default:
      return r('ask_ended')
  }
}

function Ask(p: Props) {
  const { n } = p
  const { busy, act, note } = useAct(p)
  const [scanning, setScanning] = useState(false)
  const stopped = n.guard !== undefined && !n.guard.acknowledged
  const asking = n.prompt?.state === 'open' || n.prompt?.state === 'waiting' || n.prompt?.state === 'accepted'
  const purpose = n.prompt?.purpose
  const shows = asking && (!stopped || purpose === 'acknowledge')
  return (
    <div class="stack" data-testid="course" data-state={n.prompt?.state ?? ''}>
      {n.failure && !asking && n.failure.code !== 'bids_open' && (
        <Note tone="warn" testid="last-failure">
          <p>{either(n.failure.title_zh, n.failure.title_en)}</p>
        </Note>
      )}
      {(shows || !stopped) && (
        <Note title={r(purpose === 'acknowledge' && stopped ? 'ackTitle' : 'askTitle')} testid="asked" live>
          <p>{promptText(n.prompt)}</p>
        </Note>
      )}
      {n.guard && (
        <GuardPanel guard={n.guard} holder={n.certificate.holder_name} onRehearsed={() => reread(p)}>
          <Button kind="danger" busy={busy === 'prompt'} off={shows} onClick={() => void act('prompt', { purpose: 'acknowledge' })} testid="acknowledge">
            {r('ack')}
          </Button>
        </GuardPanel>
      )}
      {note}
      {!stopped && (
        <>
          <div class="row">
            <Button kind={asking ? 'secondary' : 'primary'} busy={busy === 'prompt'} onClick={() => void act('prompt', { purpose: 'extend' })} testid="ask-again">
              {r('again')}
            </Button>
            <Button onClick={() => setScanning(true)} testid="by-qr">
              {r('byQR')}
            </Button>
          </div>
          <p class="small muted">{r('byPhone')}</p>
        </>
      )}
      {scanning && <QRDialog renewal={n} onClose={() => setScanning(false)} />}
    </div>
  )
}

function Extending({ n }: Props) {
  return (
    <Note title={r(n.successor ? 'handTitle' : 'extendingTitle')} testid="course" live>
      <p class="row">
        <Spinner /> {r('extendingText')}
      </p>
    </Note>
  )
}

function Extended({ n, take }: Props) {
  const until = n.successor ? date(n.successor.not_after) : ''
  return (
    <div class="stack" data-testid="course">
      <Note tone="good" title={r('extendedTitle')} testid="extended" live>
        <p>{r(n.medium === 'ukey' ? 'extendedToken' : 'extendedText', { date: until })}</p>
        {n.medium === 'mobile' && <p>{r('oldKey')}</p>}
      </Note>
      {n.medium === 'ukey' && n.course && (
        <SignByToken
          n={n}
          purpose="replace"
          owed={!n.course.proved}
          take={take}
          frame={(button) => (
            <Note tone="warn" title={r('proveTitle')} testid="prove">
              <p>{r('proveText')}</p>
              {button}
            </Note>
          )}
        />
      )}
    </div>
  )
}

// Leave is the first click of a token's course.
function Leave(p: Props) {
  const { n } = p
  const { busy, act, note } = useAct(p)
  const [asking, setAsking] = useState(false)
  const name = providerName(n.certificate.provider)
  const stopped = n.guard !== undefined && !n.guard.acknowledged
  const leave = async () => {
    const now = await act('leave')
    setAsking(false)
    if (now?.course) location.assign(now.course.url)
  }
  return (
    <div class="stack" data-testid="course">
      {n.course?.step === 'rejected' && (
        <Note tone="danger" title={r('rejectedTitle', { name })} testid="site-rejected">
          {n.course.note && <blockquote class="said">{visible(n.course.note)}</blockquote>}
        </Note>
      )}
      <Note title={r('leaveTitle')}>
        <p>{r('leaveText', { name })}</p>
      </Note>
      {n.guard && (
        <SignByToken
          n={n}
          purpose="acknowledge"
          danger
          owed
          take={p.take}
          frame={(button) =>
            n.guard && (
              <GuardPanel guard={n.guard} holder={n.certificate.holder_name} onRehearsed={() => reread(p)}>
                {button}
              </GuardPanel>
            )
          }
        />
      )}
      {note}
      {!stopped && (
        <div class="row">
          <Button kind="primary" onClick={() => setAsking(true)} testid="leave">
            {r('toExtend')}
          </Button>
        </div>
      )}
      {asking && (
        <Dialog title={r('toExtend')} narrow onClose={() => setAsking(false)} testid="leave-dialog" fallback='[data-testid="leave"]'>
          <p>{r('leaveConfirm', { name })}</p>
          <div class="dialog-foot">
            <Button onClick={() => setAsking(false)}>{w('cancel')}</Button>
            <Button kind="primary" busy={busy === 'leave'} onClick={() => void leave()} testid="leave-confirm">
              {r('leaveGo', { name })}
            </Button>
          </div>
        </Dialog>
      )}
    </div>
  )
}

// Site is the course at the authority: review, and the second click.
function Site({ n }: Props) {
  const name = providerName(n.certificate.provider)
  const step = n.course!.step
  const title = step === 'approved' ? r('secondTitle') : step === 'review' ? r('reviewTitle', { name }) : r('materialTitle', { name })
  return (
    <div class="stack" data-testid="course" data-state={step}>
      <Note tone={step === 'approved' ? 'warn' : 'plain'} title={title} testid={`site-${step}`} live>
        <p>{step === 'approved' ? r('secondText', { name }) : step === 'review' ? r('reviewText') : r('leaveText', { name })}</p>
      </Note>
      <div class="row">
        <Button kind={step === 'review' ? 'secondary' : 'primary'} onClick={() => location.assign(n.course!.url)} testid="to-site">
          {r('siteAgain', { name })}
        </Button>
      </div>
    </div>
  )
}
