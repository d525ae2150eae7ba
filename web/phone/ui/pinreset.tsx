import { useState } from 'preact/hooks'
import { dateTime } from '../../shared/format'
import { asProblem, type Problem } from '../../shared/problem'
import { Button, Note, ProblemNote, Waiting, announce } from '../../shared/ui'
import { t } from '../words/pin'
import type { GuardView } from '../core/model'
import { t as extend } from '../words/extend'
import { Head, Text } from './bits'
import { useLoad, usePhone } from './use'

// What only the keys on this phone can open, as the server's refusal lists it.
interface Needed {
  bids: GuardView['open']
  count: number
  acknowledge: string
}

// What will be lost is counted before it is asked for; bids that wait for the keys
// are listed, and given up by a click of their own.
export function ResetPin(p: { onBack: () => void; onDone: () => void }) {
  const phone = usePhone()
  const keys = useLoad(async () => (await phone.certificates()).filter((c) => c.keys.length > 0).length, [])
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)

  const needed = problem?.code === 'bids_need_keys' ? (problem.extra as unknown as Needed) : undefined
  const reset = async () => {
    setBusy(true)
    setProblem(undefined)
    try {
      await phone.pin.reset(needed?.acknowledge)
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
          {needed ? (
            <Note tone="danger" title={t('needed', { n: needed.count })} testid="reset-bids" live>
              <ul class="stack-s bids-list">
                {needed.bids.map((b) => (
                  <li key={`${b.opens_at} ${b.tender}`}>
                    <Text>{b.tender}</Text>
                    <span class="nums muted"> {extend('opens', { at: dateTime(b.opens_at) })}</span>
                  </li>
                ))}
              </ul>
              <p>{t('neededWhat')}</p>
            </Note>
          ) : (
            problem && <ProblemNote problem={problem} />
          )}
          <div class="stack-s">
            <Button kind="danger" size="large" wide busy={busy} testid="pin-reset-yes" onClick={() => void reset()}>
              {t(needed ? 'neededYes' : 'reset')}
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
