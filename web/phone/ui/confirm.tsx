// One request, from the statement to its end.
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { date, dateTime, minutesSeconds } from '../../shared/format'
import { asProblem, type Problem } from '../../shared/problem'
import { Blank, Button, Choices, Note, ProblemNote, Spinner, Waiting, announce } from '../../shared/ui'
import type { Confirming } from '../core/confirming'
import type { CertificateRecord } from '../core/db'
import { attribute, parseCertificate } from '../core/x509'
import { t } from '../words/confirm'
import { t as certWords } from '../words/certs'
import { t as shell } from '../words/shell'
import { Head, providerName, Text } from './bits'
import { Extras } from './extras'
import { Outcome } from './outcome'
import { AskPin } from './pin'
import { NotMe, RejectReasons } from './refuse'
import { go } from './route'
import { StatementFields } from './statement'
import { useLoad, usePhone, useSecondsLeft, useWatched } from './use'

type Step = 'statement' | 'choose' | 'pin' | 'reject' | 'not-me'

export function ConfirmView({ id }: { id: string }) {
  const phone = usePhone()
  const found = useLoad(async () => ({ confirming: await phone.again(id) }), [id])
  const confirming = found.data?.confirming
  useWatched(confirming)
  useEffect(() => {
    confirming?.resume()
    return () => confirming?.leave()
  }, [confirming])

  if (found.problem) return <Frame><ProblemNote problem={found.problem} onRetry={found.reload} /></Frame>
  if (!found.data) return <Frame><Waiting /></Frame>
  if (!confirming) {
    return (
      <Frame>
        <Blank icon="lock" title={t('unclaimedTitle')}>
          <p>{t('unclaimed')}</p>
          <Button kind="primary" onClick={() => go({ place: 'scan' })}>
            {shell('scan')}
          </Button>
        </Blank>
      </Frame>
    )
  }
  return <Phases c={confirming} />
}

function Frame({ children }: { children: ComponentChildren }) {
  return <section class="view">{children}</section>
}

function Phases({ c }: { c: Confirming }) {
  const { phase } = c
  switch (phase.name) {
    case 'preparing':
      return (
        <Frame>
          <Waiting text={c.view.key_request ? t('preparingKey') : t('preparing')} />
        </Frame>
      )
    case 'stuck':
      return (
        <Frame>
          <Head title={t('stuck')} backTo={{ place: 'inbox' }} />
          <ProblemNote problem={phase.problem} onRetry={() => void c.begin()} />
        </Frame>
      )
    case 'lost':
      return <Ending c={c} title={t('lostTitle')} text={t('lost')} button={t('lostEnd')} />
    case 'refused':
      return <Ending c={c} title={t('refusedTitle')} text={t(phase.code)} button={t('refusedEnd')} danger />
    case 'working':
      return <Working c={c} />
    case 'over':
      return <Outcome c={c} />
    case 'unlock':
      return <Unlock c={c} />
    case 'ask':
      return <Ask c={c} />
  }
}

// The certificate keeps its key: it signs the request for the new one before there is
// anything to read, so the PIN is asked for here, and again to confirm.
function Unlock({ c }: { c: Confirming }) {
  return (
    <AskPin
      context={
        <p class="pin-context" data-testid="unlock-why">
          {t('unlockWhy')}
        </p>
      }
      onCancel={() => go({ place: 'inbox' })}
      onOpen={(under) => void c.unlock(under)}
    />
  )
}

// What can only be ended, and why.
function Ending(p: { c: Confirming; title: string; text: string; button: string; danger?: boolean }) {
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const [busy, setBusy] = useState(false)
  const end = async () => {
    setBusy(true)
    setProblem(undefined)
    await p.c.reject('other').catch((e: unknown) => setProblem(asProblem(e)))
    setBusy(false)
  }
  return (
    <section class="view" data-testid="refused">
      <Head title={p.title} backTo={{ place: 'inbox' }} />
      <Note tone={p.danger ? 'danger' : 'warn'} live>
        <p>{p.text}</p>
      </Note>
      {problem && <ProblemNote problem={problem} meaning={t('rejectFailedMeaning')} />}
      <Button kind={p.danger ? 'danger' : 'primary'} size="large" wide busy={busy} onClick={() => void end()}>
        {p.button}
      </Button>
    </section>
  )
}

function Working({ c }: { c: Confirming }) {
  const phase = c.phase.name === 'working' ? c.phase : undefined
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const cancel = async () => {
    setProblem(undefined)
    await c.reject('not_now').catch((e: unknown) => setProblem(asProblem(e)))
  }
  if (!phase) return null
  const words = { signing: t('signing'), match: t('matching'), sending: t('sending'), acting: t('acting') }
  return (
    <section class="view working" data-testid="working" data-step={phase.step}>
      <Head title={title(c)} {...(phase.step === 'signing' ? {} : { backTo: { place: 'inbox' as const } })} />
      {phase.step === 'match' && <Digits c={c} />}
      <div class="waiting" role="status">
        <Spinner large />
        <span>{words[phase.step]}</span>
      </div>
      {phase.offline && (
        <Note tone="warn" live>
          <p>{t('retrying')}</p>
        </Note>
      )}
      {phase.step === 'match' && (
        <>
          {problem && <ProblemNote problem={problem} meaning={t('rejectFailedMeaning')} />}
          <Button size="large" wide testid="match-cancel" onClick={() => void cancel()}>
            {t('takeBack')}
          </Button>
        </>
      )}
    </section>
  )
}

// What is signed says what it is for; before there is a statement, the session does.
export function title(c: Confirming): string {
  return { bind: t('bind'), enroll: t('enroll'), extend: t('extend'), acknowledge: t('acknowledge') }[c.purpose] ?? t('other')
}

function Digits({ c }: { c: Confirming }) {
  const match = c.view.match
  if (!match?.required) return null
  if (match.done) {
    return (
      <p class="digits-done" data-testid="match-done">
        {t('digitsDone')}
      </p>
    )
  }
  return (
    <div class="digits">
      <p id="digits-say">{t('digits')}</p>
      <p class="digits-big" data-testid="match-digits" aria-labelledby="digits-say">
        {match.digits}
      </p>
      {match.tries_left !== undefined && match.tries_left < 3 && <p class="digits-warn">{t('digitsTries', { n: match.tries_left })}</p>}
    </div>
  )
}

function Ask({ c }: { c: Confirming }) {
  const phone = usePhone()
  const [step, setStep] = useState<Step>('statement')
  const [chosen, setChosen] = useState<CertificateRecord | undefined>(undefined)
  const byCertificate = c.view.signed_by === 'certificate'
  const fits = useLoad(async () => (byCertificate ? c.candidates() : []), [c])
  // The server's word on each certificate, in the meantime: one that was revoked
  // yesterday is not offered today.
  useEffect(() => {
    if (byCertificate) phone.sync().then(fits.reload, () => {})
  }, [c])

  const confirm = () => {
    const all = fits.data ?? []
    if (!byCertificate) return setStep('pin')
    if (all.length > 1) return setStep('choose')
    if (all[0]) {
      setChosen(all[0])
      setStep('pin')
    }
  }
  const back = () => setStep('statement')

  switch (step) {
    case 'reject':
      return <RejectReasons c={c} onBack={back} />
    case 'not-me':
      return <NotMe c={c} onBack={back} />
    case 'choose':
      return <Choose fits={fits.data ?? []} provider={providerName(c.provider)} onBack={back} onChosen={(r) => (setChosen(r), setStep('pin'))} />
    case 'pin':
      return (
        <AskPin
          context={<Context c={c} />}
          onCancel={back}
          {...(byCertificate ? { onReset: () => (back(), fits.reload()) } : {})}
          onOpen={(under) => {
            back()
            void c.confirm(under, chosen)
          }}
        />
      )
  }
  return <Statement c={c} fits={fits.data} onConfirm={confirm} onStep={setStep} />
}

// What is about to be signed, in one line, above the PIN pad.
function Context({ c }: { c: Confirming }) {
  return (
    <p class="pin-context" data-testid="pin-context">
      {title(c)}
      <span aria-hidden="true"> → </span>
      <strong>
        <Text>{c.statement?.subject.name ?? ''}</Text>
      </strong>
    </p>
  )
}

interface StatementProps {
  c: Confirming
  fits: CertificateRecord[] | undefined
  onConfirm: () => void
  onStep: (step: Step) => void
}

function Statement({ c, fits, onConfirm, onStep }: StatementProps) {
  const byCertificate = c.view.signed_by === 'certificate'
  const none = byCertificate && fits?.length === 0
  const hints = c.view.hints ?? []
  useEffect(() => announce(title(c)), [])
  return (
    <section class="view view-statement" data-testid="statement" data-purpose={c.purpose}>
      <Head title={title(c)} backTo={{ place: 'inbox' }} backText={t('later')}>
        <Countdown until={c.view.expires_at} />
      </Head>
      {c.problem && (
        <ProblemNote problem={c.problem} meaning={t('problemMeaning')}>
          <Extras of={c.problem.extra} />
        </ProblemNote>
      )}
      {c.offline && (
        <Note tone="warn">
          <p>{t('pollOffline')}</p>
        </Note>
      )}
      {!none && <Digits c={c} />}
      {!none && hints.some((h) => h.kind === 'first_time') && (
        <p class="hint-first" data-testid="hint-first">
          {t('first')}
        </p>
      )}
      {none && <NoCertificate c={c} />}
      {c.statement && (
        <StatementFields statement={c.statement} hints={hints}>
          {byCertificate && fits && fits.length > 0 && <SignedWith fits={fits} />}
        </StatementFields>
      )}
      <div class="decide">
        {none ? (
          <EndWithout c={c} />
        ) : (
          <div class="decide-two">
            <Button size="large" testid="reject" onClick={() => onStep('reject')}>
              {t('reject')}
            </Button>
            <Button kind="primary" size="large" testid="confirm" off={byCertificate && !fits} onClick={onConfirm}>
              {t('confirm')}
            </Button>
          </div>
        )}
        <Button kind="quiet-danger" size="small" testid="not-me" onClick={() => onStep('not-me')}>
          {t('notMe')}
        </Button>
      </div>
    </section>
  )
}

function Countdown({ until }: { until: string }) {
  const left = useSecondsLeft(until)
  const long = left > 3600
  const time = long ? dateTime(until) : minutesSeconds(left)
  // Told once at the start and once near the end, not each second.
  const urgent = left <= 30
  useEffect(() => announce(t(long ? 'timeUntil' : 'timeLeftSpoken', { time })), [urgent])
  return (
    <span class={urgent ? 'countdown countdown-urgent' : 'countdown'} data-testid="countdown" aria-hidden="true">
      {t(long ? 'timeUntil' : 'timeLeft', { time })}
    </span>
  )
}

function SignedWith({ fits }: { fits: CertificateRecord[] }) {
  const one = fits.length === 1 ? fits[0] : undefined
  return (
    <dl class="facts-phone signed-with" data-testid="signed-with">
      <div class="fact">
        <dt>{t('certificate')}</dt>
        <dd>{one ? <CertificateLine record={one} /> : t('chooseNext', { n: fits.length })}</dd>
      </div>
    </dl>
  )
}

export function CertificateLine({ record }: { record: CertificateRecord }) {
  const c = parseCertificate(record.der)
  return (
    <>
      <Text class="part-first">{attribute(c.subject, 'CN') || certWords('unnamed')}</Text>
      <span class="muted"> · <span class="nowrap">{certWords('until', { date: date(c.notAfter) })}</span></span>
    </>
  )
}

function NoCertificate({ c }: { c: Confirming }) {
  const phone = usePhone()
  const lost = useLoad(async () => (await phone.certificates()).some((r) => r.provider?.id === c.provider?.id), [c])
  return (
    <Note tone="warn" title={t('noneTitle', { provider: providerName(c.provider) })} testid="no-certificate">
      <p>{c.purpose !== 'bind' ? t('noneNamed') : lost.data ? t('noneLost') : t('none')}</p>
    </Note>
  )
}

// There is nothing to confirm with, so nothing to decide: the web page is told why,
// and does not wait until the time is over.
function EndWithout({ c }: { c: Confirming }) {
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const [busy, setBusy] = useState(false)
  const end = async () => {
    setBusy(true)
    setProblem(undefined)
    await c.reject('no_certificate').catch((e: unknown) => setProblem(asProblem(e)))
    setBusy(false)
  }
  return (
    <>
      {problem && <ProblemNote problem={problem} meaning={t('rejectFailedMeaning')} />}
      <Button kind="primary" size="large" wide busy={busy} testid="end-without" onClick={() => void end()}>
        {t('noneEnd')}
      </Button>
    </>
  )
}

function Choose(p: { fits: CertificateRecord[]; provider: string; onBack: () => void; onChosen: (r: CertificateRecord) => void }) {
  const [id, setId] = useState('')
  const [error, setError] = useState('')
  const next = () => {
    const record = p.fits.find((r) => r.id === id)
    if (record) return p.onChosen(record)
    setError(t('chooseMissing'))
    announce(t('chooseMissing'), true)
    document.getElementById('certificate')?.focus()
  }
  return (
    <section class="view">
      <Head title={t('choose')} backTo={p.onBack} backText={t('backToStatement')} />
      <Choices
        name="certificate"
        legend={t('chooseHint', { provider: p.provider })}
        value={id}
        columns="one"
        {...(error ? { error } : {})}
        onChange={(v) => (setId(v), setError(''))}
        options={p.fits.map((r) => ({ value: r.id, testid: `cert-choice-${r.id}`, ...optionOf(r) }))}
      />
      <Button kind="primary" size="large" wide testid="choose-go" onClick={next}>
        {t('goOn')}
      </Button>
    </section>
  )
}

function optionOf(r: CertificateRecord): { title: string; note: ComponentChildren } {
  const c = parseCertificate(r.der)
  return {
    title: attribute(c.subject, 'CN') || certWords('unnamed'),
    note: (
      <>
        <Text>{attribute(c.subject, 'O')}</Text>
        <br />
        {certWords('until', { date: date(c.notAfter) })} · <span class="mono">…{c.serial.slice(-6)}</span>
        {r.seen?.binding?.account_name && (
          <>
            <br />
            {certWords('boundTo', { account: r.seen.binding.account_name })}
          </>
        )}
      </>
    ),
  }
}

