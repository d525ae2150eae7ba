// The guard: which bids are not opened yet, what to do first, and the way on that
// only the holder's signature opens.
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { dateTime, visible } from '../../shared/format'
import { either } from '../../shared/i18n'
import { Button, Note } from '../../shared/ui'
import { useApp } from '../state'
import { RehearseDialog } from '../ukey/rehearse'
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

interface Props {
  guard: Guard
  holder: string
  onRehearsed: () => void
  children?: ComponentChildren
}

export function GuardPanel({ guard, holder, onRehearsed, children }: Props) {
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
          <Rehearse guard={guard} holder={holder} onOver={onRehearsed} />
          <p class="small">{r('ackNote')}</p>
          {children}
        </>
      )}
    </Note>
  )
}

// Rehearse offers to see first that the bids can be read with the key that is there: here
// with the U-Key; a phone's key is rehearsed on the phone.
function Rehearse({ guard, holder, onOver }: { guard: Guard; holder: string; onOver: () => void }) {
  const { config } = useApp()
  const [open, setOpen] = useState(false)
  if (guard.rehearse?.medium === 'mobile') return <p data-testid="guard-rehearse-phone">{r('rehearsePhone')}</p>
  if (!guard.rehearse?.binding || !config?.bridge) return null
  return (
    <>
      <p>{r('rehearseToken')}</p>
      <div class="row">
        <Button onClick={() => setOpen(true)} testid="guard-rehearse">
          {r('rehearseFirst')}
        </Button>
      </div>
      {open && (
        <RehearseDialog
          binding={guard.rehearse.binding}
          holder={holder}
          fallback='[data-testid="guard-rehearse"]'
          onClose={() => {
            setOpen(false)
            onOver()
          }}
        />
      )}
    </>
  )
}
