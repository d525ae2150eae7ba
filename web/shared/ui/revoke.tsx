// 吊销证书, in the portal and on the phone: what will be different afterwards, why, and
// the one button that does it.
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { visible } from '../format'
import type { RevokeReason } from '../model'
import { type Problem, asProblem } from '../problem'
import { Button } from './button'
import { Choices } from './choice'
import { Dialog } from './dialog'
import { ErrorSummary } from './field'
import { announce } from './live'
import { Note, ProblemNote } from './note'
import { reasonsOf, revoking as v } from './revokewords'

interface Props {
  holder: string
  about?: string // which of the holder's it is
  staff?: boolean // revoked by the authority or the operator, for somebody else
  phone?: boolean // by the phone that holds the key
  first?: RevokeReason // the reason that suggests itself
  bids?: ComponentChildren // those that are not opened yet
  children?: ComponentChildren // what else will be different
  revoke: (reason: RevokeReason) => Promise<unknown>
  onClose: () => void
  onDone: () => void
}

export function RevokeForm(p: Props) {
  const [reason, setReason] = useState<RevokeReason | ''>(p.first ?? '')
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
      await p.revoke(reason)
      announce(v('done', { holder }))
      p.onDone()
    } catch (e) {
      setProblem(asProblem(e))
      setBusy(false)
    }
  }

  // Somebody else was quicker: what was wanted is so, and the list must show it.
  const over = problem?.code === 'certificate_state_wrong'
  return (
    <Dialog title={v('title')} narrow onClose={busy ? undefined : over ? p.onDone : p.onClose} testid="revoke-dialog">
      <div class="stack">
        <p>
          <strong>
            <bdi>{holder}</bdi>
          </strong>
          {p.about && <span class="cell-sub">{p.about}</span>}
        </p>
        <Note tone="warn">
          <p>{v('lead')}</p>
          {p.children}
          <p>{v(p.staff ? 'againStaff' : p.phone ? 'againPhone' : 'again')}</p>
        </Note>
        {p.bids}
        <ErrorSummary mistakes={missing ? [{ field: 'reason', text: v('missing') }] : []} />
        <Choices
          name="reason"
          legend={v('why')}
          columns="one"
          value={reason}
          error={missing ? v('missing') : undefined}
          onChange={(r) => (setReason(r as RevokeReason), setMissing(false))}
          options={reasonsOf(p.staff).map((r) => ({ value: r, title: v(r === 'key_compromise' && p.phone ? 'key_compromise_phone' : r), testid: `reason-${r}` }))}
        />
        {problem && <ProblemNote problem={problem} meaning={over ? undefined : v('failed')} />}
      </div>
      <div class="dialog-foot">
        {over ? (
          <Button kind="primary" onClick={p.onDone} testid="done">
            {v('close')}
          </Button>
        ) : (
          <>
            <Button onClick={p.onClose} off={busy} testid="revoke-cancel">
              {v('keep')}
            </Button>
            <Button kind="danger" busy={busy} onClick={() => void revoke()} testid="revoke-confirm">
              {v('title')}
            </Button>
          </>
        )}
      </div>
    </Dialog>
  )
}
