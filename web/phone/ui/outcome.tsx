// How it ended, as the server says it.
import { useEffect } from 'preact/hooks'
import { date, dateTime } from '../../shared/format'
import { either } from '../../shared/i18n'
import { Button, Icon, Note, ProblemCode, announce, type IconName } from '../../shared/ui'
import { fromBase64 } from '../core/bytes'
import type { Confirming } from '../core/confirming'
import type { SessionResult } from '../core/model'
import { attribute, parseCertificate } from '../core/x509'
import { t } from '../words/confirm'
import { Extras } from './extras'
import { Text, providerName, stateWord } from './bits'
import { go } from './route'
import { StatementFields } from './statement'
import { useHeading } from './use'

type Tone = 'good' | 'plain' | 'bad'

interface End {
  tone: Tone
  icon: IconName
  title: string
  text: string
}

function endOf(c: Confirming): End {
  const { purpose } = c
  const { state, failure } = c.view
  switch (state) {
    case 'confirmed':
      if (c.keyNotOurs) return { tone: 'bad', icon: 'stop', title: t('failed'), text: t('keyNotOurs') }
      if (c.view.result?.kind === 'request') return { tone: 'plain', icon: 'clock', title: t('doneRequest'), text: t('requested') }
      return { tone: 'good', icon: 'check', title: purpose === 'bind' ? t('doneBind') : purpose === 'enroll' ? t('doneEnroll') : purpose === 'extend' ? t('doneExtend') : purpose === 'acknowledge' ? t('doneAcknowledge') : t('doneOther'), text: '' }
    case 'failed':
      return { tone: 'bad', icon: 'stop', title: t('failed'), text: (failure && either(failure.title_zh, failure.title_en)) || t('failedMeaning') }
    case 'rejected':
      if (c.view.reason?.code === 'no_certificate') return { tone: 'plain', icon: 'certificate', title: t('endedWithout'), text: t('endedWithoutText', { provider: providerName(c.provider) }) }
      return c.notMeSaid || c.view.reason?.code === 'not_me' ? { tone: 'plain', icon: 'stop', title: t('reported'), text: t('reportedMeaning') } : { tone: 'plain', icon: 'close', title: t('rejected'), text: t('rejectedMeaning') }
    case 'cancelled':
      return { tone: 'plain', icon: 'close', title: t('cancelled'), text: t('cancelledMeaning') }
    case 'expired':
      return { tone: 'plain', icon: 'clock', title: t('expired'), text: t('expiredMeaning') }
    case 'unknown':
      return { tone: 'plain', icon: 'warn', title: t('unknown'), text: t('unknownMeaning') }
  }
  // A newer server may know states that this app does not.
  return { tone: 'plain', icon: 'info', title: stateWord(state), text: '' }
}

export function Outcome({ c }: { c: Confirming }) {
  const end = endOf(c)
  const { result, failure, state } = c.view
  const heading = useHeading(end.title)
  useEffect(() => announce(`${end.title} ${end.text}`), [end.title])
  return (
    <section class="view outcome" data-testid="result" data-state={state}>
      <div class={`outcome-mark outcome-${end.tone}`}>
        <Icon name={end.icon} />
      </div>
      <h1 ref={heading} tabIndex={-1}>
        {end.title}
      </h1>
      {end.text && <p class="outcome-text">{end.text}</p>}
      {c.problem && state !== 'confirmed' && (
        <Note tone="warn">
          <p>{c.problem.title}</p>
          <ProblemCode problem={c.problem} />
        </Note>
      )}
      {state === 'failed' && failure && (
        <>
          <Extras of={failure.extra} />
          <p class="note-code muted">{failure.code}</p>
        </>
      )}
      {state === 'confirmed' && !c.keyNotOurs && result && <ResultFacts result={result} provider={providerName(c.provider)} extended={c.purpose === 'extend'} />}
      <div class="stack-s outcome-go">
        {state === 'confirmed' ? (
          <Button kind="primary" size="large" wide testid="result-certs" onClick={() => go({ place: 'certs' })}>
            {t('toCerts')}
          </Button>
        ) : (
          <Button kind="primary" size="large" wide testid="result-scan" onClick={() => go({ place: 'scan' })}>
            {t('toScan')}
          </Button>
        )}
        <Button kind="quiet" wide onClick={() => go({ place: 'history' })}>
          {t('toHistory')}
        </Button>
      </div>
      {c.statement && (
        <details class="shown">
          <summary>{t('shown')}</summary>
          <StatementFields statement={c.statement} hints={[]} />
        </details>
      )}
    </section>
  )
}

function ResultFacts({ result, provider, extended }: { result: SessionResult; provider: string; extended: boolean }) {
  if (result.kind === 'binding') {
    return (
      <>
        <p class="outcome-text">
          <Text>{t('bound', { provider: provider || (result.provider_name ?? ''), account: result.account_name ?? '' })}</Text>
        </p>
        <dl class="facts">
          {result.account_name && <Fact name={t('account')} value={result.account_name} />}
          {result.organisation_name && <Fact name={t('organisation')} value={result.organisation_name} />}
          <Fact name={t('provider')} value={provider || (result.provider_name ?? '')} />
          {result.bound_at && <Fact name={t('boundAt')} value={dateTime(result.bound_at)} />}
        </dl>
      </>
    )
  }
  if (result.kind !== 'certificate') return extended || result.kind === 'request' ? null : <p class="outcome-text">{t('acknowledged')}</p>
  const c = parseCertificate(fromBase64(result.certificate))
  return (
    <>
      <dl class="facts">
        <Fact name={t('holder')} value={attribute(c.subject, 'CN')} />
        {attribute(c.subject, 'O') && <Fact name={t('organisation')} value={attribute(c.subject, 'O')} />}
        {provider && <Fact name={t('provider')} value={provider} />}
        <Fact name={t('validUntil')} value={date(c.notAfter)} />
      </dl>
      <p class="outcome-text">{t(extended ? 'extended' : 'collected')}</p>
      <p class="muted small">{t('keepPhone')}</p>
    </>
  )
}

function Fact(p: { name: string; value: string }) {
  return (
    <>
      <dt>{p.name}</dt>
      <dd>
        <Text>{p.value}</Text>
      </dd>
    </>
  )
}
