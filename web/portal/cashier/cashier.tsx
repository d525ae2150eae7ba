// The 收银台: what is owed, how to pay it, and what has become of it. It follows the
// order, so that what happens on a phone or at the provider shows here by itself.
import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { dateTime, money } from '../../shared/format'
import { type Problem, asProblem } from '../../shared/problem'
import { Blank, Button, Choices, ErrorSummary, Icon, type IconName, type Mistake, Note, ProblemNote, Waiting, announce, mistake } from '../../shared/ui'
import { readDraft, writeDraft } from '../draft'
import { go } from '../router'
import { call } from '../state'
import { useNews } from '../title'
import { w } from '../words'
import { useOrder } from './follow'
import type { Order } from './model'
import { surplus } from './model'
import { Scan } from './scan'
import { TransferPanel } from './transfer'
import { c, methodName, methodText, stateName } from './words'

export function Cashier({ id }: { id: string }) {
  const { order, problem, reload, take } = useOrder(id)
  if (!order) {
    return (
      <div class="stack page-body page-narrow">
        <h1>{c('title')}</h1>
        <section class="card">
          {!problem ? (
            <Waiting text={c('loading')} testid="loading" />
          ) : problem.status === 404 ? (
            <Blank icon="search" title={c('unknown')} testid="order-unknown">
              <p>{c('unknownText')}</p>
              <Button kind="primary" onClick={() => go('cashier')}>
                {c('toOrders')}
              </Button>
            </Blank>
          ) : (
            <Blank icon="offline" title={c('failed')} testid="failed">
              <p>{c('failedText')}</p>
              <ProblemNote problem={problem} onRetry={reload} retryText={w('reload')} />
            </Blank>
          )}
        </section>
      </div>
    )
  }
  // What has happened comes first, once there is nothing left to choose. The keys keep
  // the parts as they are when they change places, so that news is told.
  const summary = <Summary key="summary" order={order} />
  const stage = <Stage key="stage" order={order} take={take} />
  return (
    <div class="stack page-body page-narrow">
      <h1>{c('title')}</h1>
      {problem && <Note tone="warn" live testid="stale"><p>{c('stale')}</p></Note>}
      {surplus(order).map((r) => (
        <Note key={r.id} tone="warn" title={c('surplusTitle')} testid="surplus">
          <p>{c(r.reason === 'paid_again' ? 'surplusAgain' : 'surplusDiffers', { amount: money(r.amount_fen) })}</p>
        </Note>
      ))}
      {order.state === 'open' ? [summary, stage] : [stage, summary]}
    </div>
  )
}

function Summary({ order }: { order: Order }) {
  return (
    <section class="card card-padded stack" aria-labelledby="summary">
      <div class="row-between">
        <h2 id="summary">{c('summary')}</h2>
        <span class={`badge badge-${order.state}`} data-testid="order-state" data-state={order.state}>
          {stateName(order)}
        </span>
      </div>
      <dl class="order-facts">
        <div>
          <dt>{c('number')}</dt>
          <dd class="nums">{order.number}</dd>
        </div>
        <div>
          <dt>{c('created')}</dt>
          <dd class="nums">{dateTime(order.created_at)}</dd>
        </div>
      </dl>
      <ul role="list" class="order-lines">
        {order.lines.map((l) => (
          <li key={l.name}>
            <span>
              {l.name}
              <span class="muted nums">
                {' '}
                × {l.quantity} {l.unit}
              </span>
            </span>
            <span class="nums">{money(l.amount_fen)}</span>
          </li>
        ))}
      </ul>
      <p class="order-total">
        <span>{c(order.paid_at ? 'paidAmount' : 'toPay')}</span>
        <strong class="nums" data-testid="order-amount">
          {order.amount_fen === 0 ? c('free') : money(order.amount_fen)}
        </strong>
      </p>
    </section>
  )
}

function Stage({ order, take }: { order: Order; take: (o: Order) => void }) {
  const [choosing, setChoosing] = useState(false)
  const was = useRef(order.state)
  const amount = money(order.amount_fen)
  const a = order.attempt
  useNews(order.state === 'paid' ? c('paidTitle') : '')
  useEffect(() => {
    if (was.current !== order.state) announce(order.state === 'paid' ? c('spokenPaid') : stateName(order), order.state === 'paid')
    was.current = order.state
  }, [order.state])
  useEffect(() => setChoosing(false), [a?.id, a?.state])
  switch (order.state) {
    case 'paid':
      return (
        <End icon="check" tone="good" title={order.amount_fen === 0 ? c('freeDone') : c('paidTitle')} order={order} testid="paid">
          {order.amount_fen > 0 && <p>{c('paidText', { amount, time: order.paid_at ? dateTime(order.paid_at) : '', provider: methodName(order.paid_with ?? '') })}</p>}
          <p class="muted">{c(order.subject.kind === 'renewal' ? 'renewNext' : 'paidNext')}</p>
        </End>
      )
    case 'closed':
      return (
        <End icon="clock" title={c('closedTitle')} order={order} testid="closed">
          <p>{c('closedText')}</p>
        </End>
      )
    case 'closing':
      return (
        <End icon="clock" title={c('closingTitle')} order={order} testid="closing">
          <p>{c('closingText')}</p>
        </End>
      )
    case 'refunding':
      return (
        <End icon="clock" title={c('refundingTitle')} order={order} testid="refunding">
          <p>{c(order.refunds.some((r) => r.state === 'by_hand') ? 'refundingByHand' : 'refundingText', { amount })}</p>
        </End>
      )
    case 'refunded':
      return (
        <End icon="check" title={c('refundedTitle')} order={order} testid="refunded">
          <p>{order.amount_fen > 0 ? c('refundedText', { amount }) : c('freeDone')}</p>
        </End>
      )
  }
  if (order.amount_fen === 0) return <Free order={order} take={take} />
  if (a && !choosing && (a.state === 'starting' || a.state === 'waiting' || a.state === 'review')) {
    return a.provider === 'offline' ? (
      <TransferPanel order={order} attempt={a} take={take} onOther={() => setChoosing(true)} />
    ) : (
      <Scan order={order} attempt={a} take={take} onOther={() => setChoosing(true)} />
    )
  }
  return <Choose order={order} take={take} />
}

function End(p: { icon: IconName; tone?: 'good'; title: string; order: Order; testid: string; children: ComponentChildren }) {
  return (
    <section class={p.tone ? 'card pay-end pay-end-good' : 'card pay-end'} data-testid={p.testid}>
      <Icon name={p.icon} />
      <h2>{p.title}</h2>
      {p.children}
      <div class="row">
        <Button kind="primary" testid="pay-back" onClick={() => back(p.order)}>
          {c(p.order.subject.kind === 'renewal' ? 'backRenewal' : 'backApplication')}
        </Button>
        <Button onClick={() => go('cashier')}>{c('toOrders')}</Button>
      </div>
    </section>
  )
}

// Where the person came from: the page of what was bought.
function back(o: Order): void {
  go(o.subject.kind === 'renewal' ? 'renew' : 'apply', o.subject.id)
}

function Free({ order, take }: { order: Order; take: (o: Order) => void }) {
  const act = useAct(take)
  return (
    <section class="card card-padded stack">
      <p>{c('freeText')}</p>
      {act.problem && <ProblemNote problem={act.problem} />}
      <div class="row">
        <Button kind="primary" size="large" busy={act.busy} testid="complete" onClick={() => act.run(() => call<Order>('POST', `/v1/orders/${order.id}/complete`, { body: {} }))}>
          {c('confirm')}
        </Button>
      </div>
    </section>
  )
}

function Choose({ order, take }: { order: Order; take: (o: Order) => void }) {
  const act = useAct(take)
  const key = `cashier-${order.id}`
  const [method, setMethod] = useState(() => readDraft<{ method: string }>(key)?.method ?? (order.methods.length === 1 ? (order.methods[0]?.provider ?? '') : ''))
  const [mistakes, setMistakes] = useState<Mistake[]>([])
  const choose = (m: string) => {
    setMethod(m)
    writeDraft(key, { method: m })
  }
  return (
    <section class="card card-padded stack" aria-label={c('choose')}>
      <Ended order={order} />
      <ErrorSummary mistakes={mistakes} />
      <form
        class="stack"
        onSubmit={(e) => {
          e.preventDefault()
          const chosen = order.methods.some((m) => m.provider === method)
          setMistakes(chosen ? [] : [mistake('method', () => c('needMethod'))])
          if (chosen) act.run(() => call<Order>('POST', `/v1/orders/${order.id}/pay`, { body: { provider: method } }))
        }}
      >
        <Choices
          name="method"
          legend={c('choose')}
          columns={order.methods.length === 1 ? 'one' : 'two'}
          value={method}
          error={mistakes[0]?.text}
          onChange={choose}
          options={order.methods.map((m) => ({ value: m.provider, title: methodName(m.provider), note: methodText(m.provider), testid: `method-${m.provider}` }))}
        />
        {act.problem && <ProblemNote problem={act.problem} />}
        <div class="row">
          <Button submit kind="primary" size="large" busy={act.busy} testid="pay">
            {c('pay')} {money(order.amount_fen)}
          </Button>
        </div>
        <p class="small muted">{c('payBefore', { time: dateTime(order.expires_at) })}</p>
      </form>
    </section>
  )
}

// What became of the attempt before, where the person must know it to go on.
function Ended({ order }: { order: Order }) {
  const a = order.attempt
  if (!a || a.state !== 'ended' || a.reason === 'replaced') return null
  if (a.reason === 'rejected') {
    return (
      <Note tone="danger" title={c('rejectedTitle')} testid="proof-rejected">
        <p>{c('rejectedText', { note: a.note ?? '' })}</p>
        <p>{c('rejectedNext')}</p>
      </Note>
    )
  }
  return (
    <Note tone="warn" title={c('endedTitle')} testid="attempt-ended">
      <p>{c(a.reason === 'refused' ? 'endedRefused' : 'endedExpired')}</p>
    </Note>
  )
}

// One act at a time, and what it answers.
export function useAct(take: (o: Order) => void): { busy: boolean; problem: Problem | undefined; run: (act: () => Promise<Order>) => void } {
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const run = (act: () => Promise<Order>) => {
    setBusy(true)
    setProblem(undefined)
    act().then(
      (o) => {
        setBusy(false)
        take(o)
      },
      (e: unknown) => {
        setBusy(false)
        setProblem(asProblem(e))
      },
    )
  }
  return { busy, problem, run }
}
