// The one table of the page; on a narrow screen each row is a card. The roles
// are written out because a table whose rows are drawn as blocks loses them.
import { date, time, daysUntil, inDays, serialEnd, visible } from '../../shared/format'
import type { Binding } from '../../shared/model'
import { Button } from '../../shared/ui'
import { mediumShort, providerName } from '../words'
import { b } from './words'

// From here on a certificate's end is worth a word.
const near = 90

// dead: the binding stands, and its certificate acts no more.
export function dead(x: Binding): boolean {
  return x.state === 'active' && (x.certificate.state === 'revoked' || x.certificate.state === 'superseded')
}

export function holderOf(x: Binding): string {
  return visible(x.certificate.holder_name || x.certificate.organisation_name || serialEnd(x.certificate.serial))
}

function Until({ binding }: { binding: Binding }) {
  const end = binding.certificate.not_after
  const days = daysUntil(end)
  const past = Date.parse(end) < Date.now()
  return (
    <>
      <span class="nums nowrap">{date(end)}</span>
      {binding.state === 'active' &&
        (past ? (
          <span class="badge badge-danger">{b('expired')}</span>
        ) : days <= near ? (
          <span class={`badge ${days <= 30 ? 'badge-warn' : ''}`}>{b('near', { when: inDays(end) })}</span>
        ) : null)}
    </>
  )
}

interface Props {
  items: Binding[]
  fresh: string | undefined
  busy: boolean
  onUnbind: (x: Binding) => void
  onDetails: (x: Binding) => void
}

export function BindingTable(p: Props) {
  const columns = ['certificate', 'kind', 'provider', 'serial', 'validUntil', 'account', 'boundAt', 'state', 'acts'] as const
  return (
    <div class="table-box" aria-busy={p.busy ? 'true' : undefined}>
      <table class="table" role="table" aria-label={b('caption')}>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map((c) => (
              <th key={c} role="columnheader" scope="col" class={`col-${c}`}>
                {b(c)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {p.items.map((x) => {
            const holder = holderOf(x)
            return (
              <tr key={x.id} role="row" data-testid="binding-row" data-id={x.id} data-state={x.state} class={x.id === p.fresh ? 'row-fresh' : ''}>
                <td role="cell" class="col-certificate" data-label={b('certificate')}>
                  <span class="cell-main">
                    <strong>{holder}</strong>
                    {x.id === p.fresh && <span class="badge badge-good">{b('justBound')}</span>}
                  </span>
                  {x.certificate.holder_name && <span class="cell-sub">{visible(x.certificate.organisation_name)}</span>}
                </td>
                <td role="cell" data-label={b('kind')} class="nowrap">
                  {mediumShort(x.medium)}
                </td>
                <td role="cell" data-label={b('provider')}>
                  {providerName(x.provider)}
                </td>
                <td role="cell" data-label={b('serial')}>
                  <span class="mono small nowrap">{serialEnd(x.certificate.serial)}</span>
                </td>
                <td role="cell" data-label={b('validUntil')} class="col-until">
                  <span class="cell-stack">
                    <Until binding={x} />
                  </span>
                </td>
                <td role="cell" data-label={b('account')}>
                  <span class="cell-stack">
                    <span>{visible(x.account.name)}</span>
                    <span class="cell-sub">{x.account.login}</span>
                  </span>
                </td>
                <td role="cell" data-label={b('boundAt')}>
                  <span class="cell-stack nums">
                    <span class="nowrap">{date(x.bound_at)}</span>
                    <span class="cell-sub">{time(x.bound_at)}</span>
                  </span>
                </td>
                <td role="cell" data-label={b('state')}>
                  <span class="cell-stack">
                    <span class={x.state === 'active' && !dead(x) ? 'badge badge-good' : 'badge'}>{x.state === 'active' ? b('active') : x.state === 'unbound' ? b('unbound') : x.state}</span>
                    {dead(x) && (
                      <span class="badge badge-danger" data-testid="binding-dead">
                        {b(x.certificate.state === 'revoked' ? 'certRevoked' : 'certSuperseded')}
                      </span>
                    )}
                  </span>
                </td>
                <td role="cell" class="col-acts">
                  <span class="acts">
                    <Button kind="quiet" size="small" label={b('detailsOf', { holder })} onClick={() => p.onDetails(x)} testid="details">
                      {b('details')}
                    </Button>
                    {x.acts.includes('unbind') && (
                      <Button kind="quiet-danger" size="small" label={b('unbindOf', { holder, account: x.account.name })} onClick={() => p.onUnbind(x)} testid="unbind">
                        {b('unbind')}
                      </Button>
                    )}
                  </span>
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}
