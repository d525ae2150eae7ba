// One application, step by step: where one is, what is to be done there, and
// below what was said and what happened so far.
import { useEffect, useRef, useState } from 'preact/hooks'
import { dateTime, money, visible } from '../../shared/format'
import { either } from '../../shared/i18n'
import { type Problem, asProblem } from '../../shared/problem'
import { Blank, Button, Dialog, Note, ProblemCode, ProblemNote, Waiting, announce } from '../../shared/ui'
import { useLoad } from '../load'
import { go, href } from '../router'
import { call } from '../state'
import { w } from '../words'
import { FormStep } from './form'
import { IdentityStep } from './identity'
import { type Application, fields, stepOf, steps } from './model'
import { StateBadge } from './page'
import { PaymentStep } from './payment'
import { ResultStep } from './result'
import { a, act, stateName } from './words'

// How often a page looks whether something was done elsewhere: paid, reviewed,
// collected, checked.
const lookEvery = 4000

export function Course({ id }: { id: string }) {
  const load = useLoad((signal) => call<Application>('GET', `/v1/applications/${encodeURIComponent(id)}`, { signal }), [id])
  const [own, setOwn] = useState<Application | undefined>(undefined)
  // What an act has answered is newer than what was loaded, until it is loaded again.
  useEffect(() => setOwn(undefined), [load.data])
  const x = own ?? load.data
  const waiting = x !== undefined && ['identity', 'payment', 'review', 'making'].includes(x.state)
  useEffect(() => {
    if (!waiting) return
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') load.reload()
    }, lookEvery)
    return () => clearInterval(timer)
  }, [waiting, load.reload])
  return (
    <div class="stack page-body">
      <div class="row-between">
        <h1>{w('apply')}</h1>
        <a class="button" href={href('apply')} data-testid="back-to-list">
          {a('backToList')}
        </a>
      </div>
      {x ? (
        <Inside x={x} onChange={setOwn} reload={load.reload} />
      ) : load.problem ? (
        <section class="card">
          <Blank icon={load.problem.status === 404 ? 'search' : 'warn'} title={load.problem.title} testid={load.problem.status === 404 ? 'application-unknown' : 'failed'}>
            <p>{load.problem.status === 404 ? a('notFound') : a('failed')}</p>
            <Button kind="primary" onClick={load.problem.status === 404 ? () => go('apply') : load.reload} testid="retry">
              {load.problem.status === 404 ? a('backToList') : w('reload')}
            </Button>
            <ProblemCode problem={load.problem} />
          </Blank>
        </section>
      ) : (
        <Waiting text={a('loading')} testid="loading" />
      )}
    </div>
  )
}

export interface StepProps {
  x: Application
  onChange: (x: Application) => void
  reload: () => void
}

function Inside(p: StepProps) {
  const { x } = p
  // The server shows an application in full to its applicant only.
  const mine = !x.masked
  const editing = x.state === 'draft' || x.state === 'rejected'
  // The next step begins at its top, for the eye and for the keyboard.
  const head = useRef<HTMLElement>(null)
  const before = useRef(x.state)
  useEffect(() => {
    if (before.current === x.state) return
    before.current = x.state
    announce(stateName(x.state))
    scrollTo(0, 0)
    head.current?.focus({ preventScroll: true })
  }, [x.state])
  return (
    <>
      <header class="application-head" ref={head} tabIndex={-1}>
        <div class="cell-stack">
          <strong class="application-name">{either(x.product_name.zh, x.product_name.en)}</strong>
          <span class="cell-sub nums">
            {a('number')} {x.number}
          </span>
        </div>
        <span data-testid="application-state" data-state={x.state}>
          <StateBadge state={x.state} />
        </span>
      </header>
      {x.state !== 'withdrawn' && <Steps x={x} />}
      <Erased x={x} />
      {!mine && (
        <Note testid="of-another">
          <p>{a('ofAnother', { name: visible(x.account.name ?? '') })}</p>
        </Note>
      )}
      {mine && x.replaces && (x.state === 'identity' || x.state === 'review') && (
        <Note testid="replacing">
          <p>{a('replacing')}</p>
        </Note>
      )}
      {mine && editing && <FormStep key={x.id} {...p} />}
      {mine && x.state === 'identity' && <IdentityStep {...p} />}
      {mine && x.state === 'payment' && <PaymentStep {...p} />}
      {(!mine || !(editing || x.state === 'identity' || x.state === 'payment')) && <ResultStep {...p} />}
      {!(mine && editing) && !x.erased_at && <Facts x={x} />}
      <History x={x} />
      {mine && x.acts.includes('withdraw') && <Withdraw {...p} />}
    </>
  )
}

function Steps({ x }: { x: Application }) {
  const at = stepOf(x.state)
  const names = { terms: 'stepTerms', form: 'stepForm', identity: 'stepIdentity', payment: 'stepPayment', review: 'stepReview' } as const
  return (
    <ol class="course" aria-label={a('stepsLabel')} role="list">
      {steps.map((s, i) => {
        const done = i < at || x.state === 'issued' || (s === 'payment' && x.paid_at !== undefined && i !== at)
        return (
          <li key={s} class={done ? 'course-done' : i === at ? 'course-now' : ''} aria-current={i === at && !done ? 'step' : undefined}>
            <span class="course-mark" aria-hidden="true">
              {done ? '✓' : i + 1}
            </span>
            <span>
              {a(names[s])}
              {done && <span class="visually-hidden"> {a('stepDone')}</span>}
            </span>
          </li>
        )
      })}
    </ol>
  )
}

// Why there is nothing to read any more.
export function Erased({ x }: { x: Application }) {
  if (!x.erased_at) return null
  return (
    <Note testid="erased">
      <p>{a('erased', { time: dateTime(x.erased_at) })}</p>
    </Note>
  )
}

// What was handed in, for reading.
export function Facts({ x }: { x: Application }) {
  const shown = fields.filter((f) => x.form[f] !== '')
  const proof = x.identity
  const identity = proof.verified_at
    ? proof.verified_by
      ? a('verifiedBy', { name: visible(proof.verified_by.name ?? ''), time: dateTime(proof.verified_at) })
      : a('verifiedFace', { time: dateTime(proof.verified_at) })
    : proof.way === 'mail'
      ? a('chosenMail')
      : proof.way === 'onsite'
        ? a('chosenOnsite')
        : ''
  return (
    <section class="card card-padded stack" aria-labelledby="facts">
      <h2 id="facts">{a('summaryTitle')}</h2>
      <dl class="app-facts">
        {shown.map((f) => (
          <div key={f}>
            <dt>{a(f)}</dt>
            <dd>{f === 'document' ? a(x.form.document as 'id_card') : visible(x.form[f])}</dd>
          </div>
        ))}
        {identity && (
          <div>
            <dt>{a('identityCol')}</dt>
            <dd>{identity}</dd>
          </div>
        )}
        {x.paid_at && (
          <div>
            <dt>{a('paidCol')}</dt>
            <dd>{x.amount_fen === 0 ? a('paidFree') : a('paidAt', { price: money(x.amount_fen), time: dateTime(x.paid_at) })}</dd>
          </div>
        )}
      </dl>
      <p class="small muted">{a('termsAccepted', { name: visible(x.terms.by.name ?? ''), time: dateTime(x.terms.at), version: x.terms.version })}</p>
    </section>
  )
}

export function History({ x }: { x: Application }) {
  return (
    <details class="card card-padded">
      <summary>{a('historyTitle')}</summary>
      <ol class="history" role="list">
        {[...x.history].reverse().map((e) => (
          <li key={e.at + e.act}>
            <span class="nums muted">{dateTime(e.at)}</span> <span>{act.has(e.act) ? act(e.act) : e.act}</span> <span class="muted">{visible(e.by.name ?? '')}</span>
          </li>
        ))}
      </ol>
    </details>
  )
}

function Withdraw({ x, onChange }: StepProps) {
  const [asking, setAsking] = useState(false)
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const withdraw = async () => {
    setBusy(true)
    setProblem(undefined)
    try {
      const now = await call<Application>('POST', `/v1/applications/${x.id}/withdraw`, { body: {} })
      announce(a('withdrawn2'))
      setAsking(false)
      onChange(now)
    } catch (e) {
      setProblem(asProblem(e))
    }
    setBusy(false)
  }
  return (
    <div class="row">
      <Button kind="quiet-danger" onClick={() => setAsking(true)} testid="withdraw">
        {a('withdraw')}
      </Button>
      {asking && (
        <Dialog title={a('withdraw')} narrow onClose={busy ? undefined : () => setAsking(false)} testid="withdraw-dialog">
          <div class="stack">
            <Note tone="warn">
              <p>{a('withdrawText', { number: x.number, refund: x.paid_at && x.amount_fen > 0 ? a('withdrawRefund') : '' })}</p>
            </Note>
            {problem && <ProblemNote problem={problem} />}
            <div class="dialog-foot">
              <Button onClick={() => setAsking(false)} off={busy}>
                {w('cancel')}
              </Button>
              <Button kind="danger" busy={busy} onClick={() => void withdraw()} testid="withdraw-confirm">
                {a('withdraw')}
              </Button>
            </div>
          </div>
        </Dialog>
      )}
    </div>
  )
}
