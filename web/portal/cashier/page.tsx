// 订单与发票, and, for one order, the 收银台.
import { useState } from 'preact/hooks'
import { query } from '../../shared/api'
import { dateTime, money } from '../../shared/format'
import type { Page } from '../../shared/model'
import { Blank, Button, ProblemNote, Waiting } from '../../shared/ui'
import { useLoad } from '../load'
import { go } from '../router'
import { call, has } from '../state'
import { w } from '../words'
import { Cashier } from './cashier'
import type { Order } from './model'
import { c, stateName } from './words'

export function CashierPage({ item }: { item: string }) {
  return item ? <Cashier id={item} /> : <Orders />
}

function Orders() {
  const admin = has('admin')
  const [older, setOlder] = useState<Order[]>([])
  const [next, setNext] = useState<string | undefined>(undefined)
  const [busy, setBusy] = useState(false)
  const get = (cursor: string, signal?: AbortSignal) =>
    call<Page<Order>>('GET', `/v1/orders${query({ scope: admin ? 'organisation' : 'mine', limit: 20, cursor })}`, { signal })
  const list = useLoad((signal) => get('', signal), [admin])
  const items = list.data && [...list.data.items, ...older]
  const cursor = next ?? list.data?.next
  const more = async () => {
    setBusy(true)
    try {
      const page = await get(cursor ?? '')
      setOlder([...older, ...page.items])
      setNext(page.next ?? '')
    } catch {
      list.reload() // says what is wrong
    }
    setBusy(false)
  }
  return (
    <div class="stack page-body">
      <h1>{c('orders')}</h1>
      <p class="lead">{c('ordersLead')}</p>
      {list.problem && <ProblemNote problem={list.problem} meaning={w('loadFailed')} onRetry={list.reload} retryText={w('reload')} testid="failed" />}
      <section class="card" aria-label={c('orders')}>
        {!items ? (
          !list.problem && <Waiting testid="loading" />
        ) : items.length === 0 ? (
          <Blank icon="inbox" title={c('ordersEmpty')} testid="empty">
            <p>{c('ordersEmptyText')}</p>
            <Button kind="primary" onClick={() => go('apply')}>
              {c('toApply')}
            </Button>
          </Blank>
        ) : (
          <OrderTable items={items} />
        )}
        {cursor && (
          <div class="pager">
            <Button size="small" busy={busy} onClick={() => void more()}>
              {c('more')}
            </Button>
          </div>
        )}
      </section>
    </div>
  )
}

function OrderTable({ items }: { items: Order[] }) {
  return (
    <div class="table-box">
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{c('number')}</th>
            <th scope="col">{c('goods')}</th>
            <th scope="col">{c('amount')}</th>
            <th scope="col">{c('created')}</th>
            <th scope="col">{c('state')}</th>
            <th scope="col">{c('acts')}</th>
          </tr>
        </thead>
        <tbody>
          {items.map((o) => (
            <tr key={o.id} data-testid="order-row">
              <td class="nums" data-label={c('number')}>
                {o.number}
              </td>
              <td data-label={c('goods')}>
                <div>
                  {o.lines.map((l) => l.name).join(w('listSeparator'))}
                  <span class="cell-sub">{o.subject.kind === 'renewal' ? c('kindRenewal') : c('kindApplication')}</span>
                </div>
              </td>
              <td class="nums" data-label={c('amount')}>
                {o.amount_fen === 0 ? c('free') : money(o.amount_fen)}
              </td>
              <td class="nums" data-label={c('created')}>
                {dateTime(o.created_at)}
              </td>
              <td data-label={c('state')}>
                <span class={`badge badge-${o.state}`}>{stateName(o)}</span>
              </td>
              <td data-label={c('acts')}>
                <div class="acts">
                  <Button kind="quiet" size="small" onClick={() => go('cashier', o.id)} testid="order-open">
                    {o.state === 'open' ? c('toCashier') : c('see')}
                  </Button>
                  {o.state === 'paid' && o.amount_fen > 0 && o.completed_at && (
                    <Button kind="quiet" size="small" onClick={() => go('invoice', o.id)} testid="order-invoice">
                      {c('invoice')}
                    </Button>
                  )}
                </div>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
