// The part of a dialog that shows a session from its first second to its end,
// always in the same place.
import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { minutesSeconds, visible, time } from '../../shared/format'
import type { Provider, QRSession } from '../../shared/model'
import { Button, Icon, Note, ProblemNote, Spinner, announce } from '../../shared/ui'
import { useApp } from '../state'
import { useNews } from '../title'
import { w } from '../words'
import { CodePanel } from './code'
import { EndPanel, Outcome, isNotMe } from './end'
import { MatchPanel } from './match'
import type { Running, Start } from './session'
import { useHandheld, useSecondsUntil } from './tick'
import { f } from './words'

interface Props {
  running: Running
  purpose: Start['purpose']
  provider: Provider | undefined
  onBack?: () => void
  onDone: () => void
  onCancel: () => void
  onBindNow?: () => void
  beside?: ComponentChildren
}

type Stage = 'starting' | 'refused' | 'code' | 'match' | 'scanned' | 'accepted' | 'over'

function stageOf(r: Running): Stage {
  const s = r.session
  if (r.problem) return 'refused'
  if (!s) return 'starting'
  if (s.state === 'created') return 'code'
  if (s.state === 'scanned') return s.match.required && !s.match.done ? 'match' : 'scanned'
  if (s.state === 'accepted') return 'accepted'
  return 'over'
}

// A refusal for a reason stays a refusal until something is changed; a lost
// session, or a server too busy, does not.
function canRetry(r: Running): boolean {
  return r.problem !== undefined && (r.problem.passing || r.session !== undefined)
}

function heading(r: Running, stage: Stage, purpose: Start['purpose'], handheld: boolean): string {
  switch (stage) {
    case 'starting':
    case 'code':
      return f(handheld ? 'hereTitle' : 'scanTitle')
    case 'match':
      return f('matchTitle')
    case 'scanned':
      return f('scannedTitle')
    case 'accepted':
      return f('acceptedTitle')
    case 'refused':
      return r.session ? f('unknownTitle') : f('failedTitle')
  }
  const s = r.session as QRSession
  if (s.state === 'confirmed') return purpose === 'bind' ? f('confirmedBind') : purpose === 'extend' ? f('confirmedExtend') : f('confirmedEnroll')
  if (isNotMe(s)) return f('notMeTitle')
  if (s.state === 'rejected') return f(s.reason?.code === 'no_certificate' ? 'noneTitle' : 'rejectedTitle')
  if (s.state === 'expired') return f('expiredTitle')
  if (s.state === 'cancelled') return f('cancelledTitle')
  return f('failedTitle')
}

function newsOf(r: Running, stage: Stage): string {
  if (!r.connected && stage !== 'over' && stage !== 'refused') return f('newsLost')
  switch (stage) {
    case 'starting':
    case 'code':
      return f('newsScan')
    case 'match':
      return f('newsMatch')
    case 'scanned':
      return f('newsScanned')
    case 'accepted':
      return f('newsAccepted')
    case 'refused':
      return f('newsFailed')
  }
  switch (r.session?.state) {
    case 'confirmed':
      return f('newsConfirmed')
    case 'rejected':
      return f('newsRejected')
    case 'expired':
      return f('newsExpired')
    case 'cancelled':
      return f('cancelledTitle')
    default:
      return f('newsFailed')
  }
}

export function SessionPanel(p: Props) {
  const { config } = useApp()
  const r = p.running
  const s = r.session
  const stage = stageOf(r)
  const title = heading(r, stage, p.purpose, useHandheld())
  const head = useRef<HTMLHeadingElement>(null)
  const before = useRef(stage)
  const wasConnected = useRef(true)
  const left = useSecondsUntil(stage === 'match' || stage === 'scanned' ? s?.expires_at : undefined)
  useNews(newsOf(r, stage))

  // A new stage is read out, and the focus is not left on what has gone.
  useEffect(() => {
    if (before.current === stage) return
    before.current = stage
    announce(title, stage === 'over' || stage === 'refused')
    const at = document.activeElement
    if (stage !== 'match' && (!at || at === document.body || at.tagName === 'DIALOG' || !at.isConnected)) head.current?.focus()
  }, [stage, title])

  useEffect(() => {
    if (!r.connected) announce(f('lost'), true)
    else if (!wasConnected.current) announce(f('resumed'))
    wasConnected.current = r.connected
  }, [r.connected])

  const device = s?.device?.name ? visible(s.device.name) : f('aPhone')
  const openStage = stage !== 'over' && stage !== 'refused'
  return (
    <div class="session" data-state={s?.state ?? stage}>
      <h3 class="session-title" ref={head} tabIndex={-1} data-testid="session-state" data-state={s?.state ?? stage}>
        {title}
      </h3>
      {!r.connected && openStage && (
        <Note tone="warn" testid="connection-lost">
          <p>{f('lost')}</p>
        </Note>
      )}
      {(stage === 'starting' || stage === 'code') && <CodePanel running={r} session={s} typedAllowed={config?.typed_code ?? false} beside={p.beside} />}
      {stage === 'match' && s && <MatchPanel key={s.id} session={s} device={device} update={r.update} />}
      {stage === 'scanned' && (
        <Outcome icon="phone" tone="plain">
          <p class="outcome-lead" data-testid="device-name">
            {f('scannedBy', { device })}
          </p>
          {s?.match.done && <p class="small muted">{f('matchDone')}</p>}
          <p>{f('scannedText')}</p>
        </Outcome>
      )}
      {(stage === 'match' || stage === 'scanned') && (
        <p class="session-foot small muted">
          <span class="nums" data-testid="countdown" data-seconds={left}>
            {f('waitLeft', { time: minutesSeconds(left) })}
          </span>
          <span>{f('notYours')}</span>
        </p>
      )}
      {stage === 'accepted' && (
        <Outcome icon="phone" tone="plain">
          <Spinner large />
          <p>{f('acceptedText')}</p>
        </Outcome>
      )}
      {stage === 'over' && s && (
        <EndPanel session={s} provider={p.provider} requestId={r.requestId} onRestart={r.restart} onBack={p.onBack} onDone={p.onDone} onBindNow={p.onBindNow} />
      )}
      {stage === 'refused' && r.problem && (
        <div class="stack">
          <ProblemNote problem={r.problem} meaning={f('startFailed')} onRetry={canRetry(r) ? r.restart : undefined} retryText={f('again')}>
            {typeof r.problem.extra['until'] === 'string' && <p>{f('blockedUntil', { time: time(r.problem.extra['until']) })}</p>}
          </ProblemNote>
          <div class="row">
            {p.onBack && (
              <Button kind={canRetry(r) ? 'secondary' : 'primary'} onClick={p.onBack} testid="back">
                {w('back')}
              </Button>
            )}
            <Button onClick={p.onDone} testid="done">
              {w('close')}
            </Button>
          </div>
        </div>
      )}
      {openStage && stage !== 'accepted' && (
        <div class="dialog-foot session-ways">
          {p.onBack && (
            <Button kind="quiet" onClick={p.onBack} testid="back">
              <Icon name="chevron" class="icon-back" />
              {w('back')}
            </Button>
          )}
          <span class="top-space" />
          <Button onClick={p.onCancel} testid="cancel">
            {w('cancel')}
          </Button>
        </div>
      )}
    </div>
  )
}
