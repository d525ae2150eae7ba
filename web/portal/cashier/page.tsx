// 订单与发票, and, for one order, the 收银台.
import { query } from '../../shared/api'
import { dateTime, money } from '../../shared/format'
import { Button } from '../../shared/ui'
import { Cell, List, usePages } from '../list'
import { go } from '../router'
import { has } from '../state'
import { w } from '../words'
import { Cashier } from './cashier'
import type { Order } from './model'
import { c, stateName } from './words'

export function CashierPage({ item }: { item: string }) {
  return item ? <Cashier id={item} /> : <Orders />
}

// What an order is for.
export function Goods({ order: o }: { order: Order }) {
  return <Cell sub={[o.subject.kind === 'renewal' ? c('kindRenewal') : c('kindApplication')]}>{o.lines.map((l) => l.name).join(w('listSeparator'))}</Cell>
}

export function OrderBadge({ order: o }: { order: Order }) {
  return <span class={`badge badge-${o.state}`}>{stateName(o)}</span>
}

function Orders() {
  const scope = has('admin') ? 'organisation' : 'mine'
  const list = usePages<Order>((cursor) => `/v1/orders${query({ scope, limit: 20, cursor })}`)
  return (
    <List
      title={c('orders')}
      lead={c('ordersLead')}
      caption={c('orders')}
      list={list}
      row={(o) => ({ id: o.id, testid: 'order-row', state: o.state })}
      empty={{
        icon: 'inbox',
        title: c('ordersEmpty'),
        text: c('ordersEmptyText'),
        act: (
          <Button kind="primary" onClick={() => go('apply')}>
            {c('toApply')}
          </Button>
        ),
      }}
      columns={[
        { head: c('number'), class: 'nums', cell: (o) => o.number },
        { head: c('goods'), cell: (o) => <Goods order={o} /> },
        { head: c('amount'), class: 'nums', cell: (o) => (o.amount_fen === 0 ? c('free') : money(o.amount_fen)) },
        { head: c('created'), class: 'nums', cell: (o) => dateTime(o.created_at) },
        { head: c('state'), cell: (o) => <OrderBadge order={o} /> },
      ]}
      acts={(o) => (
        <>
          <Button kind="quiet" size="small" onClick={() => go('cashier', o.id)} testid="order-open">
            {o.state === 'open' ? c('toCashier') : c('see')}
          </Button>
          {o.state === 'paid' && o.amount_fen > 0 && o.completed_at && (
            <Button kind="quiet" size="small" onClick={() => go('invoice', o.id)} testid="order-invoice">
              {c('invoice')}
            </Button>
          )}
        </>
      )}
    />
  )
}
