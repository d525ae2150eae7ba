// The list: what is due first, then the renewals, newest first.
import { useState } from 'preact/hooks'
import { date, inDays, money, serialEnd, visible } from '../../shared/format'
import type { Medium } from '../../shared/model'
import { type Problem, asProblem } from '../../shared/problem'
import { Button, ProblemNote } from '../../shared/ui'
import { go } from '../router'
import { mediumShort, providerName } from '../words'
import type { Candidate, ProviderLine, Renewal } from './model'
import { start } from './start'
import { r, stateName } from './words'

interface Row {
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
  tone: string
  act: string
  label: string
  primary: boolean
  run: () => Promise<void> | void
}

const tones: Record<string, string> = { due: 'badge-warn', payment: 'badge-warn', extension: 'badge-warn', extending: '', extended: 'badge-good' }

export function RenewalTable({ due, items }: { due: Candidate[]; items: Renewal[] }) {
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const rows = [...due.map((c) => dueRow(c)), ...items.map(renewalRow)]
  return (
    <>
      {problem && <ProblemNote problem={problem} meaning={r('failedStart')} />}
      <div class="table-box">
        <table class="table" role="table" aria-label={r('list')}>
          <thead role="rowgroup">
            <tr role="row">
              {(['certificate', 'kind', 'provider', 'validUntil', 'account', 'price', 'state', 'acts'] as const).map((c) => (
                <th key={c} role="columnheader" scope="col" class={`col-${c}`}>
                  {r(c)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody role="rowgroup">
            {rows.map((x) => (
              <tr key={x.key} role="row" data-testid="renewal-row" data-state={x.state}>
                <td role="cell" data-label={r('certificate')}>
                  <span class="cell-main">
                    <strong>{visible(x.holder)}</strong>
                  </span>
                  <span class="cell-sub">{visible(x.organisation)}</span>
                </td>
                <td role="cell" class="nowrap" data-label={r('kind')}>
                  {mediumShort(x.medium)}
                </td>
                <td role="cell" data-label={r('provider')}>
                  <span class="cell-stack">
                    <span>{providerName(x.provider)}</span>
                    <span class="mono cell-sub">{serialEnd(x.serial)}</span>
                  </span>
                </td>
                <td role="cell" data-label={r('validUntil')}>
                  <span class="cell-stack">
                    <span class="nums nowrap">{date(x.until)}</span>
                    <span class="cell-sub">{inDays(x.until)}</span>
                  </span>
                </td>
                <td role="cell" data-label={r('account')}>
                  {visible(x.account)}
                </td>
                <td role="cell" class="nums" data-label={r('price')}>
                  {x.price === 0 ? r('free') : money(x.price)}
                </td>
                <td role="cell" data-label={r('state')}>
                  <span class={`badge ${tones[x.state] ?? ''}`}>{x.state === 'due' ? r('due') : stateName(x.state)}</span>
                </td>
                <td role="cell" data-label={r('acts')} class="col-acts">
                  <Act row={x} failed={setProblem} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  )
}

function Act({ row, failed }: { row: Row; failed: (p: Problem | undefined) => void }) {
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
    <span class="acts">
      <Button kind={row.primary ? 'secondary' : 'quiet'} size="small" busy={busy} label={row.label} onClick={() => void run()} testid={`act-${row.state}`}>
        {row.act}
      </Button>
    </span>
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
    tone: 'due',
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
    tone: n.state,
    act: pays ? r('toPay') : extends_ ? r('toExtend') : r('open'),
    label: r(pays ? 'payOf' : extends_ ? 'extendOf' : 'openOf', { holder }),
    primary: Boolean(pays) || extends_,
    run: () => (pays ? go('cashier', n.order) : go('renew', n.id)),
  }
}
