// The rows of the list, of two kinds, and what can be done with each.
import { useState } from 'preact/hooks'
import { date, inDays, money, serialEnd, visible } from '../../shared/format'
import type { Medium } from '../../shared/model'
import { type Problem, asProblem } from '../../shared/problem'
import { Button } from '../../shared/ui'
import { Cell, type Column } from '../list'
import { go } from '../router'
import { mediumShort, providerName } from '../words'
import type { Candidate, ProviderLine, Renewal } from './model'
import { start } from './start'
import { r, stateName } from './words'

export interface Row {
  key: string
  holder: string
  organisation: string
  serial: string
  medium: Medium
  provider: ProviderLine
  until: string
  account: string
  price: number
  state: string
  act: string
  label: string
  primary: boolean
  run: () => Promise<void> | void
}

const tones: Record<string, string> = { due: 'badge-warn', payment: 'badge-warn', extension: 'badge-warn', extending: '', extended: 'badge-good' }

// What is due comes first, then the renewals, newest first.
export function rowsOf(due: Candidate[], items: Renewal[]): Row[] {
  return [...due.map(dueRow), ...items.map(renewalRow)]
}

export const columns = (): Column<Row>[] => [
  { head: r('certificate'), cell: (x) => <Cell strong={visible(x.holder)} sub={[visible(x.organisation)]} /> },
  { head: r('kind'), class: 'nowrap', cell: (x) => mediumShort(x.medium) },
  { head: r('provider'), cell: (x) => <Cell sub={[<span class="mono">{serialEnd(x.serial)}</span>]}>{providerName(x.provider)}</Cell> },
  {
    head: r('validUntil'),
    cell: (x) => (
      <Cell sub={[inDays(x.until)]}>
        <span class="nums nowrap">{date(x.until)}</span>
      </Cell>
    ),
  },
  { head: r('account'), cell: (x) => visible(x.account) },
  { head: r('price'), class: 'nums', cell: (x) => (x.price === 0 ? r('free') : money(x.price)) },
  { head: r('state'), cell: (x) => <span class={`badge ${tones[x.state] ?? ''}`}>{x.state === 'due' ? r('due') : stateName(x.state)}</span> },
]

export function Act({ row, failed }: { row: Row; failed: (p: Problem | undefined) => void }) {
  const [busy, setBusy] = useState(false)
  const run = async () => {
    setBusy(true)
    failed(undefined)
    try {
      await row.run()
    } catch (e) {
      failed(asProblem(e))
    }
    setBusy(false)
  }
  return (
    <Button kind={row.primary ? 'secondary' : 'quiet'} size="small" busy={busy} label={row.label} onClick={() => void run()} testid={`act-${row.state}`}>
      {row.act}
    </Button>
  )
}

function dueRow(c: Candidate): Row {
  const holder = c.certificate.holder_name || c.certificate.organisation_name
  return {
    key: `due-${c.certificate.id}`,
    holder,
    organisation: c.certificate.organisation_name,
    serial: c.certificate.serial,
    medium: c.medium,
    provider: c.provider,
    until: c.certificate.not_after,
    account: c.account.name,
    price: c.price_fen,
    state: 'due',
    act: r('toRenew'),
    label: r('renewOf', { holder }),
    primary: true,
    run: async () => {
      const n = await start(c)
      if (n.state === 'payment' && n.order) go('cashier', n.order)
      else go('renew', n.id)
    },
  }
}

function renewalRow(n: Renewal): Row {
  // One that was erased says nothing of its holder.
  const holder = n.certificate.holder_name || n.certificate.organisation_name || n.certificate.serial
  const pays = n.state === 'payment' && n.order
  const extends_ = n.state === 'extension' || n.state === 'extending'
  return {
    key: n.id,
    holder,
    organisation: n.certificate.organisation_name,
    serial: n.certificate.serial,
    medium: n.medium,
    provider: n.certificate.provider,
    until: n.successor?.not_after ?? n.certificate.not_after,
    account: n.account.name,
    price: n.price_fen,
    state: n.state,
    act: pays ? r('toPay') : extends_ ? r('toExtend') : r('open'),
    label: r(pays ? 'payOf' : extends_ ? 'extendOf' : 'openOf', { holder }),
    primary: Boolean(pays) || extends_,
    run: () => (pays ? go('cashier', n.order) : go('renew', n.id)),
  }
}
