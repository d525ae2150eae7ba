// 吊销证书: what will be different afterwards, why, and the one button that does it.
import { useState } from 'preact/hooks'
import { visible } from '../../shared/format'
import { type Problem, asProblem } from '../../shared/problem'
import { Button, Choices, Dialog, ErrorSummary, Note, ProblemNote, announce } from '../../shared/ui'
import { BidsWarning } from '../renew/warning'
import { call } from '../state'
import { w } from '../words'
import { c, reasons, staffReasons } from './words'

interface Props {
  id: string
  holder: string
  about?: string // which of the holder's it is
  bound?: boolean
  staff?: boolean // revoked by the authority or the operator, for somebody else
  first?: string // the reason that suggests itself
  foreign?: string // the provider's name, where another authority has issued it
  onClose: () => void
  onDone: () => void
}

export function RevokeDialog(p: Props) {
  const [reason, setReason] = useState(p.first ?? '')
  const [missing, setMissing] = useState(false)
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const holder = visible(p.holder)

  const revoke = async () => {
    setMissing(reason === '')
    if (reason === '') return
    setBusy(true)
    setProblem(undefined)
    try {
      await call('POST', `/v1/certificates/${encodeURIComponent(p.id)}/revoke`, { body: { reason } })
      announce(c('revokeDone', { holder }))
      p.onDone()
    } catch (e) {
      setProblem(asProblem(e))
      setBusy(false)
    }
  }

  // Somebody else was quicker: what was wanted is so, and the list must show it.
  const over = problem?.code === 'certificate_state_wrong'
  return (
    <Dialog title={c('revokeTitle')} narrow onClose={busy ? undefined : over ? p.onDone : p.onClose} testid="revoke-dialog">
      <div class="stack">
        <p>
          <strong>{holder}</strong>
          {p.about && <span class="cell-sub">{p.about}</span>}
        </p>
        <Note tone="warn">
          <p>{c(p.staff ? 'revokeLeadStaff' : 'revokeLead')}</p>
          {p.bound && <p>{c('revokeBinding')}</p>}
          {p.foreign && <p>{c('revokeForeign', { provider: p.foreign })}</p>}
        </Note>
        <BidsWarning certificate={p.id} otherwise={c('revokeBids')} />
        <ErrorSummary mistakes={missing ? [{ field: 'reason', text: c('needReason') }] : []} />
        <Choices
          name="reason"
          legend={c('revokeWhy')}
          columns="one"
          value={reason}
          error={missing ? c('needReason') : undefined}
          onChange={(r) => (setReason(r), setMissing(false))}
          options={(p.staff ? staffReasons : reasons).map((r) => ({ value: r, title: c(r), testid: `reason-${r}` }))}
        />
        {problem && <ProblemNote problem={problem} meaning={over ? undefined : c('revokeFailed')} />}
      </div>
      <div class="dialog-foot">
        {over ? (
          <Button kind="primary" onClick={p.onDone} testid="done">
            {w('close')}
          </Button>
        ) : (
          <>
            <Button onClick={p.onClose} off={busy} testid="revoke-cancel">
              {w('cancel')}
            </Button>
            <Button kind="danger" busy={busy} onClick={() => void revoke()} testid="revoke-confirm">
              {c('revokeTitle')}
            </Button>
          </>
        )}
      </div>
    </Dialog>
  )
}
