// The guard: which bids are not opened yet, what to do first, and the way on that
// only the holder's signature opens.
import type { ComponentChildren } from 'preact'
import { dateTime, visible } from '../../shared/format'
import { either } from '../../shared/i18n'
import { Note } from '../../shared/ui'
import { providerName, w } from '../words'
import type { Guard } from './model'
import { r } from './words'

export function Lines({ phones }: { phones: string[] }) {
  return (
    <>
      {phones.map((n, i) => (
        <span key={n} class="nowrap">
          {i > 0 && w('listSeparator')}
          <a class="nums" href={`tel:${n.replace(/[^+\d]/g, '')}`}>
            {n}
          </a>
        </span>
      ))}
    </>
  )
}

// OpenBids is the list alone: also for dialogs that unbind or revoke.
export function OpenBids({ open }: { open: Guard['open'] }) {
  return (
    <ul class="renew-bids" data-testid="open-bids">
      {open.map((b) => (
        <li key={`${b.opens_at} ${b.tender}`}>
          <span>{visible(b.tender)}</span>
          <span class="nums nowrap">
            <span class="small muted">{r('opensAt')}</span> {dateTime(b.opens_at)}
          </span>
        </li>
      ))}
    </ul>
  )
}

export function GuardPanel({ guard, children }: { guard: Guard; children?: ComponentChildren }) {
  if (guard.open.length === 0) {
    return (
      <Note title={r('guardNone')} testid="guard-none">
        <p>{r('guardNoneText')}</p>
        <p>
          {r('callFirst', { name: providerName(guard.provider) })} <Lines phones={guard.provider.phones} />
        </p>
      </Note>
    )
  }
  return (
    <Note tone={guard.acknowledged ? 'plain' : 'danger'} title={guard.acknowledged ? r('guardDone') : r('guardTitle')} testid={guard.acknowledged ? 'guard-done' : 'guard-open'}>
      <OpenBids open={guard.open} />
      {guard.rehearsed_at && <p class="small">{r('rehearsedAt', { at: dateTime(guard.rehearsed_at) })}</p>}
      <p>{either(guard.advice_zh, guard.advice_en)}</p>
      <p>
        {r('callFirst', { name: providerName(guard.provider) })} <Lines phones={guard.provider.phones} />
      </p>
      {!guard.acknowledged && (
        <>
          <p class="small">{r('ackNote')}</p>
          {children}
        </>
      )}
    </Note>
  )
}
