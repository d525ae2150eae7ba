// 申请发票, in the order of the operating manual: what to note, the order, its goods,
// the invoice, its recipient.
import { useEffect, useState } from 'preact/hooks'
import { dateTime, inDays, money } from '../../shared/format'
import { Blank, Button, Note, ProblemNote, Waiting, announce } from '../../shared/ui'
import type { Order } from '../cashier/model'
import { useLoad } from '../load'
import { go } from '../router'
import { call, download } from '../state'
import { w } from '../words'
import { InvoiceForm } from './form'
import type { InvoiceCase } from './model'
import { v } from './words'

export function InvoicePage({ item }: { item: string }) {
  const load = useLoad((signal) => call<InvoiceCase>('GET', `/v1/orders/${item}/invoice`, { signal }), [item])
  const [answer, setAnswer] = useState<InvoiceCase | undefined>(undefined)
  const found = answer ?? load.data
  // While somebody else acts, the page looks again now and then.
  const waits = found?.standing === 'issuing' || found?.standing === 'reviewing'
  useEffect(() => {
    if (!waits) return
    const timer = setInterval(() => {
      if (document.hidden) return
      call<InvoiceCase>('GET', `/v1/orders/${item}/invoice`).then(setAnswer, () => undefined)
    }, 3000)
    return () => clearInterval(timer)
  }, [waits, item])
  useEffect(() => {
    if (answer?.standing === 'issued') announce(v('issued'), true)
  }, [answer?.standing])
  if (!found) {
    return (
      <div class="stack page-body">
        <h1>{v('title')}</h1>
        <section class="card">
          {!load.problem ? (
            <Waiting text={v('loading')} testid="loading" />
          ) : load.problem.status === 404 || item === '' ? (
            <Blank icon="search" title={load.problem.title} testid="order-unknown">
              <Button kind="primary" onClick={() => go('cashier')}>
                {v('toOrders')}
              </Button>
            </Blank>
          ) : (
            <Blank icon="offline" title={v('title')} testid="failed">
              <ProblemNote problem={load.problem} meaning={w('loadFailed')} onRetry={load.reload} retryText={w('reload')} />
            </Blank>
          )}
        </section>
      </div>
    )
  }
  const fillable = found.standing === 'available' || found.standing === 'rejected'
  return (
    <div class="stack page-body invoice">
      <h1>{v('title')}</h1>
      {fillable && <Tips days={found.days} />}
      <Standing found={found} />
      <OrderFacts found={found} />
      <Goods order={found.order} category={found.invoice?.content === 'category' && !fillable} />
      {fillable ? <InvoiceForm found={found} onDone={setAnswer} /> : <Given found={found} />}
    </div>
  )
}

function Tips({ days }: { days: number }) {
  return (
    <Note title={v('tips')} testid="invoice-tips">
      <ol class="invoice-tips">
        <li>{v('tip1', { days })}</li>
        <li>{v('tip2')}</li>
        <li>{v('tip3')}</li>
        <li>{v('tip4')}</li>
      </ol>
    </Note>
  )
}

// Where the invoice stands, when there is more to say than the form does.
function Standing({ found }: { found: InvoiceCase }) {
  const i = found.invoice
  const back = (
    <div class="row">
      <Button onClick={() => go('cashier')}>{v('toOrders')}</Button>
    </div>
  )
  switch (found.standing) {
    case 'rejected':
      return (
        <Note tone="danger" title={v('rejected')} testid="invoice-rejected">
          <p>{v('rejectedText', { reason: i?.reason ?? '' })}</p>
          <p>{v('rejectedNext')}</p>
        </Note>
      )
    case 'reviewing':
      return (
        <Note tone="warn" title={v('reviewing')} testid="invoice-reviewing">
          <p>{v('reviewingText')}</p>
          {back}
        </Note>
      )
    case 'issuing':
      return (
        <Note tone="warn" title={v('issuing')} testid="invoice-issuing">
          <p>{v('issuingText')}</p>
          {back}
        </Note>
      )
    case 'issued':
      return (
        <Note tone="good" title={i?.sandbox ? `${v('issued')} · ${v('sample')}` : v('issued')} testid="invoice-issued">
          <p>
            {i?.medium === 'paper'
              ? v('issuedPaper', { number: i.number ?? '', carrier: i.carrier ?? '', tracking: i.tracking ?? '' })
              : v('issuedText', { number: i?.number ?? '', time: dateTime(i?.issued_at ?? ''), email: found.recipient.email })}
          </p>
          {i?.sandbox && <p>{v('sampleText')}</p>}
          <div class="row">
            {i?.file_kind && (
              <Button kind="primary" testid="invoice-download" onClick={() => void download(`/v1/orders/${found.order.id}/invoice/file`, `${i.number}${i.file_kind === 'application/pdf' ? '.pdf' : i.file_kind === 'application/ofd' ? '.ofd' : '.xml'}`)}>
                {v('download')}
              </Button>
            )}
            <Button onClick={() => go('cashier')}>{v('toOrders')}</Button>
          </div>
        </Note>
      )
    case 'expired':
    case 'not_completed':
    case 'not_paid': {
      const key = ({ expired: 'expired', not_completed: 'tooEarly', not_paid: 'notPaid' } as const)[found.standing]
      const text = ({ expired: 'expiredText', not_completed: 'tooEarlyText', not_paid: 'notPaidText' } as const)[found.standing]
      return (
        <Note tone="warn" title={v(key)} testid={`invoice-${found.standing}`}>
          <p>{v(text, { days: found.days })}</p>
          {back}
        </Note>
      )
    }
  }
  return null
}

// "200.00": the manual's columns name the unit.
const yuan = (fen: number) => money(fen).replace('¥', '')

function OrderFacts({ found }: { found: InvoiceCase }) {
  return (
    <section class="card card-padded stack" aria-labelledby="invoice-order">
      <h2 id="invoice-order">{v('order')}</h2>
      <dl class="order-facts">
        <div>
          <dt>{v('orderNumber')}</dt>
          <dd class="nums">{found.order.number}</dd>
        </div>
        <div>
          <dt>{v('paid')}</dt>
          <dd class="nums" data-testid="invoice-paid">
            {yuan(found.order.amount_fen)}
          </dd>
        </div>
        {found.deadline && (found.standing === 'available' || found.standing === 'rejected') && (
          <div>
            <dt>{v('deadline')}</dt>
            <dd class="nums">{v('deadlineValue', { time: dateTime(found.deadline), days: inDays(found.deadline) })}</dd>
          </div>
        )}
      </dl>
    </section>
  )
}

function Goods({ order, category }: { order: Order; category: boolean }) {
  return (
    <section class="card" aria-labelledby="invoice-goods">
      <h2 id="invoice-goods" class="card-title">
        {v('goods')}
      </h2>
      <div class="table-box">
        <table class="table">
          <thead>
            <tr>
              {(['name', 'spec', 'unit', 'quantity', 'price', 'amount'] as const).map((k) => (
                <th key={k} scope="col">
                  {v(k)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {order.lines.map((l) => (
              <tr key={l.name}>
                <td data-label={v('name')}>{category ? l.category : l.name}</td>
                <td data-label={v('spec')}>{l.spec || '-'}</td>
                <td data-label={v('unit')}>{l.unit}</td>
                <td class="nums" data-label={v('quantity')}>
                  {l.quantity}
                </td>
                <td class="nums" data-label={v('price')}>
                  {yuan(l.unit_fen)}
                </td>
                <td class="nums" data-label={v('amount')}>
                  {yuan(l.amount_fen)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}

// What was asked for, once it cannot be changed any more.
function Given({ found }: { found: InvoiceCase }) {
  const { invoice: i, title: t, recipient: r } = found
  if (!i || !t) return null
  const facts: [string, string | undefined][] = [
    [v('titleType'), i.title_type],
    [v('invoiceType'), i.invoice_type],
    [v('content'), v(i.content)],
    [v('titleName'), t.name],
    [v('taxNumber'), t.tax_number],
    [v('address'), t.address],
    [v('phone'), t.phone],
    [v('bank'), t.bank],
    [v('account'), t.account],
    [v('medium'), v(i.medium)],
    [v('rPhone'), r.phone],
    [v('rEmail'), r.email],
    [v('rName'), r.name],
    [v('rAddress'), r.address],
    [v('appliedAt'), dateTime(i.applied_at)],
  ]
  return (
    <section class="card card-padded stack" aria-labelledby="invoice-given">
      <h2 id="invoice-given">{v('info')}</h2>
      <dl class="order-facts">
        {facts
          .filter(([, value]) => value)
          .map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
    </section>
  )
}
