import { useState } from 'preact/hooks'
import { asProblem, type Problem } from '../../shared/problem'
import { Button, Note, ProblemNote, Waiting, announce } from '../../shared/ui'
import { t } from '../words/pin'
import { Head } from './bits'
import { useLoad, usePhone } from './use'

// What will be lost is counted before it is asked for.
export function ResetPin(p: { onBack: () => void; onDone: () => void }) {
  const phone = usePhone()
  const keys = useLoad(async () => (await phone.certificates()).filter((c) => c.keys.length > 0).length, [])
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)

  const reset = async () => {
    setBusy(true)
    setProblem(undefined)
    try {
      await phone.pin.reset()
      await phone.refresh()
      announce(t('resetDone'))
      p.onDone()
    } catch (e) {
      setProblem(asProblem(e))
      setBusy(false)
    }
  }

  return (
    <section class="view">
      <Head title={t('resetTitle')} backTo={p.onBack} />
      {keys.data === undefined ? (
        <Waiting />
      ) : (
        <>
          <Note tone={keys.data > 0 ? 'danger' : 'plain'}>
            <p>{keys.data > 0 ? t('resetWhat', { n: keys.data }) : t('resetNone')}</p>
          </Note>
          {problem && <ProblemNote problem={problem} />}
          <div class="stack-s">
            <Button kind="danger" size="large" wide busy={busy} testid="pin-reset-yes" onClick={() => void reset()}>
              {t('reset')}
            </Button>
            <Button size="large" wide onClick={p.onBack}>
              {t('resetKeep')}
            </Button>
          </div>
        </>
      )}
    </section>
  )
}
