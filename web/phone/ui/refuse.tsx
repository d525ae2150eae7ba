// Saying no: with a reason for the person who asked, or with an alarm.
import { useState } from 'preact/hooks'
import { asProblem, type Problem } from '../../shared/problem'
import { Button, Icon, ProblemNote } from '../../shared/ui'
import type { Confirming } from '../core/confirming'
import type { RejectReason } from '../core/model'
import { t } from '../words/confirm'
import { Head } from './bits'

const maxText = 200

export function RejectReasons({ c, onBack }: { c: Confirming; onBack: () => void }) {
  const [other, setOther] = useState(false)
  const [text, setText] = useState('')
  const [busy, setBusy] = useState<RejectReason | undefined>(undefined)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)

  const send = async (reason: RejectReason) => {
    if (busy) return
    setBusy(reason)
    setProblem(undefined)
    try {
      await c.reject(reason, reason === 'other' ? text.trim() || undefined : undefined)
    } catch (e) {
      setProblem(asProblem(e))
    }
    setBusy(undefined)
  }

  return (
    <section class="view" data-testid="reject-reasons">
      <Head title={t('rejectTitle')} backTo={other ? () => setOther(false) : onBack} backText={t('backToStatement')} />
      {problem && <ProblemNote problem={problem} meaning={t('rejectFailedMeaning')} />}
      {other ? (
        <form
          class="stack"
          onSubmit={(e) => {
            e.preventDefault()
            void send('other')
          }}
        >
          <div class="field">
            <label for="reason">{t('otherLabel')}</label>
            <span class="hint" id="reason-hint">
              {t('otherHint')}
            </span>
            <textarea id="reason" class="input" rows={3} maxLength={maxText} aria-describedby="reason-hint" data-testid="reject-text" value={text} onInput={(e) => setText(e.currentTarget.value)} />
          </div>
          <Button kind="primary" size="large" wide submit busy={busy !== undefined} testid="reject-send">
            {t('rejectSend')}
          </Button>
        </form>
      ) : (
        <>
          <p class="muted">{t('rejectNote')}</p>
          <div class="list">
            {(['not_now', 'wrong_account', 'wrong_provider'] as const).map((reason) => (
              <Button key={reason} size="large" wide class="list-button" busy={busy === reason} testid={`reject-reason-${reason}`} onClick={() => void send(reason)}>
                {t(reason)}
              </Button>
            ))}
            <Button size="large" wide class="list-button" testid="reject-reason-other" onClick={() => setOther(true)}>
              {t('otherReason')}
              <Icon name="chevron" />
            </Button>
          </div>
        </>
      )}
    </section>
  )
}

export function NotMe({ c, onBack }: { c: Confirming; onBack: () => void }) {
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const send = async () => {
    setBusy(true)
    setProblem(undefined)
    try {
      await c.notMe()
    } catch (e) {
      setProblem(asProblem(e))
    }
    setBusy(false)
  }
  return (
    <section class="view">
      <Head title={t('notMeTitle')} backTo={onBack} backText={t('backToStatement')} />
      <p>{t('notMeWhat')}</p>
      <p>{t('notMeAlso')}</p>
      {problem && <ProblemNote problem={problem} meaning={t('rejectFailedMeaning')} />}
      <div class="stack-s">
        <Button kind="danger" size="large" wide busy={busy} testid="not-me-confirm" onClick={() => void send()}>
          {t('notMeSend')}
        </Button>
        <Button size="large" wide onClick={onBack}>
          {t('backToStatement')}
        </Button>
      </div>
    </section>
  )
}
