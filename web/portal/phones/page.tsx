// The phones that hold an account's certificates: one's own, or those of another
// account that an admin or operator came from.
import { useState } from 'preact/hooks'
import { date, dateTime, serialEnd, visible } from '../../shared/format'
import { Button } from '../../shared/ui'
import { StateBadge } from '../certificates/page'
import { Cell, List, usePages } from '../list'
import { href } from '../router'
import { useApp } from '../state'
import { providerName, w } from '../words'
import { type Held, type OwnedPhone, type OwnedPhones, platformName } from './model'
import { RemoveDialog } from './remove'
import { f } from './words'

export function PhonesPage() {
  const { session } = useApp()
  return <Phones id={session?.account.id ?? ''} own />
}

export function Phones({ id, own }: { id: string; own?: boolean }) {
  const [removing, setRemoving] = useState<OwnedPhone | undefined>(undefined)
  const list = usePages<OwnedPhone, OwnedPhones>(() => `/v1/accounts/${encodeURIComponent(id)}/devices`)
  const account = own ? undefined : list.first?.account
  return (
    <List
      title={account ? f('titleOf', { name: visible(account.name) }) : own ? w('phones') : f('caption')}
      lead={own ? f('lead') : account && f('leadOf', { login: account.login })}
      buttons={
        !own && (
          <a class="button" href={href('accounts')} data-testid="back-to-accounts">
            {f('back')}
          </a>
        )
      }
      caption={f('caption')}
      list={list}
      row={(p) => ({ id: p.id, testid: 'phone-row', state: p.removed_at ? 'removed' : 'active' })}
      empty={{ icon: 'phone', title: f('emptyTitle'), text: f('emptyText') }}
      loading={f('loading')}
      failed={f('failed')}
      columns={[
        { head: f('phone'), cell: (p) => <Cell strong={visible(p.name)} sub={[platformName(p), <span class="nums nowrap">{f('registered', { at: date(p.created_at) })}</span>]} /> },
        { head: f('holds'), class: 'col-holds', cell: (p) => <Holds phone={p} /> },
        { head: f('seen'), class: 'nums nowrap', cell: (p) => dateTime(p.seen_at) },
        {
          head: f('state'),
          cell: (p) => (
            <Cell
              sub={[
                p.removed_at && <span class="nums">{dateTime(p.removed_at)}</span>,
                p.open_bids && (
                  <span class="badge badge-warn" data-testid="phone-bids">
                    {f('bids', { n: p.open_bids.count })}
                  </span>
                ),
              ]}
            >
              <span>
                <span class={p.removed_at ? 'badge' : p.pin_locked ? 'badge badge-danger' : 'badge badge-good'}>{f(p.removed_at ? 'removed' : p.pin_locked ? 'pinLocked' : 'active')}</span>
              </span>
            </Cell>
          ),
        },
      ]}
      acts={(p) =>
        p.acts.includes('remove') ? (
          <Button kind="quiet-danger" size="small" label={f('removeOf', { name: visible(p.name) })} onClick={() => setRemoving(p)} testid="phone-remove">
            {f('remove')}
          </Button>
        ) : (
          !p.removed_at && <span class="small muted">{f('shared')}</span>
        )
      }
    >
      {removing && (
        <RemoveDialog
          phone={removing}
          told={!own}
          onClose={() => setRemoving(undefined)}
          onDone={() => {
            setRemoving(undefined)
            list.reload()
          }}
        />
      )}
    </List>
  )
}

function Holds({ phone: p }: { phone: OwnedPhone }) {
  if (p.certificates.length === 0 && p.others === 0) return <span class="muted">{f('nothing')}</span>
  return (
    <ul role="list" class="phone-holds">
      {p.certificates.map((x) => (
        <li key={x.id ?? x.serial}>
          <HeldLine held={x} />
        </li>
      ))}
      {p.others > 0 && <li class="small muted">{f('others', { n: p.others })}</li>}
    </ul>
  )
}

export function HeldLine({ held: x }: { held: Held }) {
  return (
    <Cell
      sub={[
        <>
          {providerName(x.provider)} {x.serial && <span class="mono">{serialEnd(x.serial)}</span>} <span class="nums nowrap">{x.state === 'waiting' ? '' : f('until', { at: date(x.not_after) })}</span>
        </>,
      ]}
    >
      <span>
        {visible(x.holder_name || x.organisation_name)} <StateBadge state={x.state} /> {x.bound && <span class="badge">{f('bound')}</span>}
      </span>
    </Cell>
  )
}
