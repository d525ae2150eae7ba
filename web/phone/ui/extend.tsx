// 我的证书 → 更多 → 延期: the question before this very phone, or what stands in
// its way and how to go on.
import { useState } from 'preact/hooks'
import { dateTime } from '../../shared/format'
import { either } from '../../shared/i18n'
import { type Problem, asProblem } from '../../shared/problem'
import { Button, Dialog, Note, ProblemNote, Waiting } from '../../shared/ui'
import type { GuardView } from '../core/model'
import { t } from '../words/extend'
import { Text, providerName } from './bits'
import { go } from './route'
import { useLoad, usePhone } from './use'

// onRehearse is absent where the phone has nothing to rehearse with.
export function ExtendDialog({ id, onRehearse, onClose }: { id: string; onRehearse?: () => void; onClose: () => void }) {
  const phone = usePhone()
  const guard = useLoad(() => phone.bids(id), [id])
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const ask = async (what: 'extend' | 'acknowledge') => {
    setBusy(true)
    setProblem(undefined)
    try {
      const prompt = await phone.ask(id, what)
      onClose()
      go({ place: 'session', id: prompt })
    } catch (e) {
      setProblem(asProblem(e))
      setBusy(false)
    }
  }
  const stopped = guard.data !== undefined && !guard.data.acknowledged
  return (
    <Dialog title={t('title')} narrow onClose={busy ? undefined : onClose} testid="extend-dialog">
      <div class="stack">
        {guard.problem ? (
          <ProblemNote problem={guard.problem} meaning={t('unknown')} onRetry={guard.reload} />
        ) : !guard.data ? (
          <Waiting text={t('loading')} />
        ) : stopped ? (
          <>
            <OpenBids guard={guard.data} />
            {onRehearse && (
              <Button wide testid="extend-rehearse" off={busy} onClick={onRehearse}>
                {t('rehearseFirst')}
              </Button>
            )}
          </>
        ) : (
          <p>{t('lead')}</p>
        )}
        {problem && (
          <ProblemNote problem={problem} meaning={problem.code === 'renewal_needed' ? t('renewFirst') : t('notDone')} />
        )}
      </div>
      <div class="dialog-foot">
        <Button onClick={onClose} off={busy}>
          {t('later')}
        </Button>
        {stopped ? (
          <Button kind="danger" busy={busy} testid="extend-acknowledge" onClick={() => void ask('acknowledge')}>
            {t('acknowledge')}
          </Button>
        ) : (
          <Button kind="primary" busy={busy} off={!guard.data} testid="extend-go" onClick={() => void ask('extend')}>
            {t('goOn')}
          </Button>
        )}
      </div>
    </Dialog>
  )
}

export function OpenBids({ guard, advice }: { guard: GuardView; advice?: string }) {
  return (
    <Note tone="danger" title={t('stopped', { n: guard.open.length })} testid="phone-bids">
      <ul class="stack-s bids-list">
        {guard.open.map((b) => (
          <li key={`${b.opens_at} ${b.tender}`}>
            <Text>{b.tender}</Text>
            <span class="nums muted"> {t('opens', { at: dateTime(b.opens_at) })}</span>
          </li>
        ))}
      </ul>
      <p>{advice ?? either(guard.advice_zh, guard.advice_en)}</p>
      <p>
        {t('call', { name: providerName(guard.provider) })}{' '}
        {guard.provider.phones.map((n) => (
          <a key={n} class="nums nowrap" href={`tel:${n.replace(/[^+\d]/g, '')}`}>
            {n}
          </a>
        ))}
      </p>
    </Note>
  )
}
