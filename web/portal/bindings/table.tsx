// What stands in the table of the bindings.
import { date, time, daysUntil, inDays, serialEnd, visible } from '../../shared/format'
import type { Binding } from '../../shared/model'
import { Cell, type Column } from '../list'
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

// The columns of the page's table; fresh is the binding that was made a moment ago.
export function columns(fresh: string | undefined): Column<Binding>[] {
  return [
    {
      head: b('certificate'),
      class: 'col-certificate',
      cell: (x) => (
        <>
          <span class="cell-main">
            <strong>{holderOf(x)}</strong>
            {x.id === fresh && <span class="badge badge-good">{b('justBound')}</span>}
          </span>
          {x.certificate.holder_name && <span class="cell-sub">{visible(x.certificate.organisation_name)}</span>}
        </>
      ),
    },
    { head: b('kind'), class: 'nowrap', cell: (x) => mediumShort(x.medium) },
    { head: b('provider'), cell: (x) => providerName(x.provider) },
    { head: b('serial'), cell: (x) => <span class="mono small nowrap">{serialEnd(x.certificate.serial)}</span> },
    {
      head: b('validUntil'),
      class: 'col-until',
      cell: (x) => (
        <Cell>
          <Until binding={x} />
        </Cell>
      ),
    },
    { head: b('account'), cell: (x) => <Cell sub={[x.account.login]}>{visible(x.account.name)}</Cell> },
    {
      head: b('boundAt'),
      class: 'nums',
      cell: (x) => (
        <Cell sub={[time(x.bound_at)]}>
          <span class="nowrap">{date(x.bound_at)}</span>
        </Cell>
      ),
    },
    {
      head: b('state'),
      cell: (x) => (
        <Cell>
          <span class={x.state === 'active' && !dead(x) ? 'badge badge-good' : 'badge'}>{x.state === 'active' ? b('active') : x.state === 'unbound' ? b('unbound') : x.state}</span>
          {dead(x) && (
            <span class="badge badge-danger" data-testid="binding-dead">
              {b(x.certificate.state === 'revoked' ? 'certRevoked' : 'certSuperseded')}
            </span>
          )}
        </Cell>
      ),
    },
  ]
}
