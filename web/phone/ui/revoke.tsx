// 我的证书 → 更多 → 吊销/挂失: what will be different afterwards, why, and the button.
import { useState } from 'preact/hooks'
import { type Problem, asProblem } from '../../shared/problem'
import { Button, Choices, Dialog, ErrorSummary, Note, ProblemNote, announce } from '../../shared/ui'
import type { RevokeReason } from '../core/model'
import { t } from '../words/revoke'
import { Text } from './bits'
import { OpenBids } from './extend'
import { useLoad, usePhone } from './use'

const reasons: RevokeReason[] = ['key_compromise', 'affiliation_changed', 'cessation_of_operation', 'unspecified']

interface Props {
  id: string
  holder: string
  account: string | undefined // that it is bound to
  onClose: () => void
  onDone: () => void
}

export function RevokeDialog(p: Props) {
  const phone = usePhone()
  const guard = useLoad(() => phone.bids(p.id), [p.id])
  const [reason, setReason] = useState<RevokeReason | ''>('')
  const [missing, setMissing] = useState(false)
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const revoke = async () => {
    setMissing(reason === '')
    if (reason === '') return
    setBusy(true)
    setProblem(undefined)
    try {
      await phone.revoke(p.id, reason)
      announce(t('done'))
      p.onDone()
    } catch (e) {
      const found = asProblem(e)
      // Revoked elsewhere meanwhile: what was wanted is so.
      if (found.code === 'certificate_state_wrong') p.onDone()
      else setProblem(found)
      setBusy(false)
    }
  }
  return (
    <Dialog title={t('title')} narrow onClose={busy ? undefined : p.onClose} testid="revoke-dialog">
      <div class="stack">
        <p>
          <strong>
            <Text>{p.holder}</Text>
          </strong>
        </p>
        <Note tone="warn">
          <p>{t('lead')}</p>
          {p.account && (
            <p>
              <Text>{t('bound', { account: p.account })}</Text>
            </p>
          )}
          <p>{t('again')}</p>
        </Note>
        {guard.data && guard.data.open.length > 0 ? (
          <OpenBids guard={guard.data} advice={t('bidsLost')} />
        ) : (
          guard.problem && <p>{t('bidsUnknown')}</p>
        )}
        <ErrorSummary mistakes={missing ? [{ field: 'reason', text: t('needReason') }] : []} />
        <Choices
          name="reason"
          legend={t('why')}
          columns="one"
          value={reason}
          error={missing ? t('needReason') : undefined}
          onChange={(r) => (setReason(r as RevokeReason), setMissing(false))}
          options={reasons.map((r) => ({ value: r, title: t(r), testid: `reason-${r}` }))}
        />
        {problem && <ProblemNote problem={problem} meaning={t('notDone')} />}
      </div>
      <div class="dialog-foot">
        <Button onClick={p.onClose} off={busy} testid="revoke-cancel">
          {t('keep')}
        </Button>
        <Button kind="danger" busy={busy} onClick={() => void revoke()} testid="revoke-confirm">
          {t('title')}
        </Button>
      </div>
    </Dialog>
  )
}
