// The ends of a session: what happened, what it means, one way on.
import type { ComponentChildren } from 'preact'
import { dateTime, date, visible } from '../../shared/format'
import { either } from '../../shared/i18n'
import type { Provider, QRSession } from '../../shared/model'
import { Button, Icon, type IconName } from '../../shared/ui'
import { go } from '../router'
import { providerName, w } from '../words'
import { f } from './words'

export function Outcome(p: { icon: IconName; tone: 'good' | 'warn' | 'danger' | 'plain'; children: ComponentChildren }) {
  return (
    <div class="outcome">
      <span class={`outcome-icon outcome-${p.tone}`}>
        <Icon name={p.icon} />
      </span>
      {p.children}
    </div>
  )
}

// The ends of what a phone or a U-Key signed are told alike.
export type Ended = Pick<QRSession, 'result' | 'failure' | 'reason' | 'device'> & { state: string }

interface EndProps {
  session: Ended
  provider: Provider | undefined
  requestId: string
  onRestart: () => void
  onBack?: () => void
  onDone: () => void
  onBindNow?: () => void
}

export function EndPanel(p: EndProps) {
  switch (p.session.state) {
    case 'confirmed':
      return <Confirmed {...p} />
    case 'rejected':
      return <Rejected {...p} />
    case 'failed':
      return isNotMe(p.session) ? <Rejected {...p} /> : <Failed {...p} />
    case 'expired':
      return (
        <Outcome icon="clock" tone="plain">
          <p data-testid="outcome-text">{p.session.device ? f('expiredScanned') : f('expiredText')}</p>
          <Ways {...p} again />
        </Outcome>
      )
    default:
      return (
        <Outcome icon="close" tone="plain">
          <p data-testid="outcome-text">{f('cancelledText')}</p>
          <Ways {...p} again />
        </Outcome>
      )
  }
}

export function isNotMe(s: Ended): boolean {
  return s.reason?.code === 'not_me' || s.failure?.code === 'not_me'
}

function Confirmed(p: EndProps) {
  const r = p.session.result
  if (r?.kind === 'binding') {
    const b = r.binding
    return (
      <Outcome icon="check" tone="good">
        <p class="outcome-lead" data-testid="outcome-text">
          {f('boundText', { holder: visible(b.certificate.holder_name || b.certificate.organisation_name), account: visible(b.account.name) })}
        </p>
        <dl class="facts outcome-facts">
          <dt>{f('holder')}</dt>
          <dd>{visible([b.certificate.holder_name, b.certificate.organisation_name].filter(Boolean).join(' · '))}</dd>
          <dt>{f('provider')}</dt>
          <dd>{providerName(b.provider)}</dd>
          <dt>{f('account')}</dt>
          <dd>
            {visible(b.account.name)} <span class="muted">{b.account.login}</span>
          </dd>
          <dt>{f('boundAt')}</dt>
          <dd class="nums">{dateTime(b.bound_at)}</dd>
        </dl>
        <div class="row">
          <Button kind="primary" size="large" onClick={p.onDone} testid="done" autofocus>
            {w('done')}
          </Button>
        </div>
      </Outcome>
    )
  }
  const c = r?.kind === 'certificate' ? r.certificate : undefined
  return (
    <Outcome icon="check" tone="good">
      <p class="outcome-lead" data-testid="outcome-text">
        {c ? f('enrolledText') : r?.kind === 'request' ? f('requestedText') : f('confirmedOther')}
      </p>
      {c && (
        <dl class="facts outcome-facts">
          <dt>{f('holder')}</dt>
          <dd>{visible(c.holder_name)}</dd>
          <dt>{f('organisation')}</dt>
          <dd>{visible(c.organisation_name)}</dd>
          <dt>{f('validUntil')}</dt>
          <dd class="nums">{date(c.not_after)}</dd>
        </dl>
      )}
      <div class="row">
        {c && p.onBindNow && (
          <Button kind="primary" size="large" onClick={p.onBindNow} testid="bind-now">
            {f('bindNow')}
          </Button>
        )}
        <Button kind={c && p.onBindNow ? 'secondary' : 'primary'} size="large" onClick={p.onDone} testid="done">
          {w('done')}
        </Button>
      </div>
    </Outcome>
  )
}

// Whether it makes sense to try at once depends on what the holder said: with a
// wrong account or provider the way is back, after "not me" it is a telephone.
function Rejected(p: EndProps) {
  const code = p.session.reason?.code ?? ''
  if (isNotMe(p.session)) {
    return (
      <Outcome icon="stop" tone="danger">
        <p data-testid="outcome-text">{f('notMeText')}</p>
        <Call provider={p.provider} />
        <Ways {...p} />
      </Outcome>
    )
  }
  const text = p.session.reason?.text
  return (
    <Outcome icon="close" tone="warn">
      <p data-testid="outcome-text">
        {code === 'other' && text ? f('why_other') : f.has(`why_${code}`) && code !== 'other' ? f(`why_${code}` as 'why_not_now') : f('why_unknown')}
      </p>
      {code === 'other' && text && <blockquote class="said">{visible(text)}</blockquote>}
      <p class="muted">{f('rejectedBase')}</p>
      <Ways {...p} again={code !== 'wrong_account' && code !== 'wrong_provider'} apply={code === 'no_certificate'} />
    </Outcome>
  )
}

function Failed(p: EndProps) {
  const failure = p.session.failure
  return (
    <Outcome icon="warn" tone="danger">
      <p data-testid="outcome-text">{failure ? either(failure.title_zh, failure.title_en) : f('failedText')}</p>
      <Call provider={p.provider} />
      <Ways {...p} again />
      <p class="note-code muted">
        {failure?.code}
        {p.requestId && ` · ${f('requestSmall', { id: p.requestId })}`}
      </p>
    </Outcome>
  )
}

export function Call({ provider }: { provider: Provider | undefined }) {
  if (!provider || provider.phones.length === 0) return null
  return (
    <p class="small">
      {f('callProvider', { name: providerName(provider) })}{' '}
      {provider.phones.map((l, i) => (
        <span key={l.number} class="nowrap">
          {i > 0 && w('listSeparator')}
          <a href={`tel:${l.number.replace(/[^+\d]/g, '')}`}>{l.number}</a>
        </span>
      ))}
    </p>
  )
}

function Ways(p: { again?: boolean; apply?: boolean; onRestart: () => void; onBack?: () => void; onDone: () => void }) {
  return (
    <div class="row ways">
      {p.apply && (
        <Button kind="primary" size="large" onClick={() => go('apply')} testid="apply-first">
          {w('apply')}
        </Button>
      )}
      {p.again && (
        <Button kind={p.apply ? 'secondary' : 'primary'} size="large" onClick={p.onRestart} testid="retry">
          {f('again')}
        </Button>
      )}
      {p.onBack && (
        <Button kind={p.again ? 'secondary' : 'primary'} size="large" onClick={p.onBack} testid="back">
          {w('back')}
        </Button>
      )}
      <Button size="large" kind={p.again || p.onBack ? 'secondary' : 'primary'} onClick={p.onDone} testid="done">
        {w('close')}
      </Button>
    </div>
  )
}
