// 本机设置: the phone's name, its PIN, what is kept here, and the way to another phone.
import { useEffect, useState } from 'preact/hooks'
import { asProblem, type Problem } from '../../shared/problem'
import { Button, Field, Note, ProblemNote, Waiting } from '../../shared/ui'
import { groups } from '../../shared/format'
import type { Config } from '../core/model'
import { t } from '../words/certs'
import { t as pinWords } from '../words/pin'
import { t as shell } from '../words/shell'
import { Head } from './bits'
import { ChangePin } from './pin'
import { ResetPin } from './pinreset'
import { Notifications } from './notify'
import { useLoad, usePhone, useWatched } from './use'

export function DeviceView({ config }: { config: Config | undefined }) {
  const phone = usePhone()
  useWatched(phone)
  const me = useLoad(() => phone.refresh(), [])
  const [step, setStep] = useState<'overview' | 'change' | 'reset'>('overview')
  const [done, setDone] = useState('')

  if (step === 'reset') return <ResetPin onBack={() => setStep('overview')} onDone={() => (setStep('overview'), setDone(pinWords('resetDone')), me.reload())} />
  if (step === 'change') return <ChangePin onCancel={() => setStep('overview')} onForgot={() => setStep('reset')} onDone={() => (setStep('overview'), setDone(pinWords('changed')), me.reload())} />

  const pin = me.data?.pin
  return (
    <section class="view" data-testid="device-view">
      <Head title={t('deviceTitle')} backTo={{ place: 'certs' }} />
      {done && (
        <Note tone="good" live>
          <p>{done}</p>
        </Note>
      )}
      <Name />
      <div class="panel">
        <h2>{t('pin')}</h2>
        {!pin ? (
          me.problem ? (
            <ProblemNote problem={me.problem} onRetry={me.reload} />
          ) : (
            <Waiting />
          )
        ) : (
          <>
            <p>{pin.locked ? t('pinLocked') : pin.set ? t('pinSet', { n: pin.tries_left ?? 5 }) : t('pinNotSet')}</p>
            {pin.set && (
              <div class="row">
                {!pin.locked && (
                  <Button testid="pin-change" onClick={() => (setDone(''), setStep('change'))}>
                    {t('pinChange')}
                  </Button>
                )}
                <Button kind="quiet-danger" testid="pin-reset" onClick={() => (setDone(''), setStep('reset'))}>
                  {t('pinReset')}
                </Button>
              </div>
            )}
          </>
        )}
      </div>
      <Notifications />
      <Storage />
      <div class="panel">
        <h2>{t('newPhone')}</h2>
        <p>{t('newPhoneNote')}</p>
      </div>
      <div class="panel">
        <h2>{t('about')}</h2>
        <p>{t('aboutNote', { version: config?.version ?? '—', origin: phone.origin })}</p>
        <p class="muted small">
          {t('deviceId')}
          <br />
          <span class="mono">{groups(phone.device?.id ?? '')}</span>
        </p>
      </div>
    </section>
  )
}

function Name() {
  const phone = usePhone()
  const [name, setName] = useState(phone.device?.name ?? '')
  const [busy, setBusy] = useState(false)
  const [saved, setSaved] = useState(false)
  const [error, setError] = useState('')
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const save = async () => {
    if (name.trim() === '') return setError(shell('nameMissing'))
    setBusy(true)
    setProblem(undefined)
    try {
      await phone.rename(name.trim())
      setSaved(true)
    } catch (e) {
      setProblem(asProblem(e))
    }
    setBusy(false)
  }
  return (
    <form
      class="panel"
      onSubmit={(e) => {
        e.preventDefault()
        void save()
      }}
    >
      <Field
        label={t('deviceName')}
        hint={shell('deviceNameHint')}
        value={name}
        maxLength={40}
        testid="device-name"
        {...(error ? { error } : {})}
        onInput={(v) => (setName(v), setSaved(false), setError(''))}
      />
      {problem && <ProblemNote problem={problem} />}
      <div class="row">
        <Button submit busy={busy} testid="device-save">
          {t('deviceSave')}
        </Button>
        {saved && (
          <span role="status" class="good">
            {t('deviceSaved')}
          </span>
        )}
      </div>
    </form>
  )
}

function Storage() {
  const [kept, setKept] = useState<boolean | undefined>(undefined)
  const [asked, setAsked] = useState(false)
  useEffect(() => void navigator.storage?.persisted?.().then(setKept, () => {}), [])
  const ask = async () => {
    setKept(await navigator.storage.persist().catch(() => false))
    setAsked(true)
  }
  return (
    <div class="panel">
      <h2>{t('storage')}</h2>
      <p>{t('storageNote')}</p>
      {kept === true && <p class="good">{t('storageKept')}</p>}
      {kept === false && asked && <p role="status">{t('storageRefused')}</p>}
      {kept === false && <Button onClick={() => void ask()}>{t('storageAsk')}</Button>}
    </div>
  )
}
