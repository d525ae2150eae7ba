import { useState } from 'preact/hooks'
import { date, serialEnd, visible } from '../../shared/format'
import type { Binding } from '../../shared/model'
import { type Problem, asProblem } from '../../shared/problem'
import { Button, Dialog, Note, ProblemNote, announce } from '../../shared/ui'
import { BidsWarning } from '../renew/warning'
import { call } from '../state'
import { providerName, w } from '../words'
import { holderOf } from './table'
import { b } from './words'

export function UnbindDialog({ binding, onClose, onDone }: { binding: Binding; onClose: () => void; onDone: () => void }) {
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const holder = holderOf(binding)
  const account = visible(binding.account.name)

  const unbind = async () => {
    setBusy(true)
    setProblem(undefined)
    try {
      await call('POST', `/v1/bindings/${encodeURIComponent(binding.id)}/unbind`, { body: {} })
      announce(b('unbindDone', { holder, account }))
      onDone()
    } catch (e) {
      const p = asProblem(e)
      setProblem(p)
      setBusy(false)
    }
  }

  // Somebody else was quicker: what was wanted is so, and the list must show it.
  const over = problem?.code === 'binding_not_active'
  return (
    <Dialog title={b('unbindTitle')} narrow onClose={busy ? undefined : over ? onDone : onClose} testid="unbind-dialog" fallback='[data-testid="bind-self"]'>
      <div class="stack">
        <dl class="facts">
          <dt>{b('certificate')}</dt>
          <dd>
            {holder}
            {binding.certificate.holder_name && <span class="cell-sub">{visible(binding.certificate.organisation_name)}</span>}
          </dd>
          <dt>{b('provider')}</dt>
          <dd>
            {providerName(binding.provider)} <span class="mono small muted">{serialEnd(binding.certificate.serial)}</span>
          </dd>
          <dt>{b('validUntil')}</dt>
          <dd class="nums">{date(binding.certificate.not_after)}</dd>
          <dt>{b('account')}</dt>
          <dd>
            {account} <span class="muted">{binding.account.login}</span>
          </dd>
        </dl>
        <Note tone="warn">
          <p>{b('unbindLead', { account })}</p>
          {!binding.certificate.id && <p>{b('unbindBids')}</p>}
        </Note>
        {binding.certificate.id && <BidsWarning certificate={binding.certificate.id} otherwise={b('unbindBids')} />}
        {problem && <ProblemNote problem={problem} meaning={over ? undefined : b('unbindFailed')} />}
      </div>
      <div class="dialog-foot">
        {over ? (
          <Button kind="primary" onClick={onDone} testid="done">
            {w('close')}
          </Button>
        ) : (
          <>
            <Button onClick={onClose} off={busy} testid="unbind-cancel">
              {w('cancel')}
            </Button>
            <Button kind="danger" busy={busy} onClick={() => void unbind()} testid="unbind-confirm">
              {b('unbindTitle')}
            </Button>
          </>
        )}
      </div>
    </Dialog>
  )
}
