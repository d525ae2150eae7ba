// What became of it, and what happens next.
import { useState } from 'preact/hooks'
import { date, visible } from '../../shared/format'
import { either } from '../../shared/i18n'
import type { Provider } from '../../shared/model'
import { type Problem, asProblem } from '../../shared/problem'
import { Button, Dialog, Icon, type IconName, ProblemNote, announce } from '../../shared/ui'
import { RevokeDialog } from '../certificates/revoke'
import { SessionPanel } from '../flow/panel'
import { useSession } from '../flow/session'
import { useDraft } from '../draft'
import { go } from '../router'
import { call } from '../state'
import { Lines, useProviders } from '../pages/phones'
import type { StepProps } from './course'
import { toBinding } from './demo'
import type { Application } from './model'
import { a } from './words'

export function ResultStep(p: StepProps) {
  const { x } = p
  // The dialog stays when the certificate has been made: it tells of it, and is closed
  // by the person.
  const [collecting, change, clear] = useDraft<Collecting>(`collect-${x.id}`, { open: false, session: '' })
  return (
    <>
      <Outcome {...p} onCollect={() => change({ open: true, session: '' })} />
      {collecting.open && (
        <CollectDialog
          x={x}
          resume={collecting.session}
          remember={(session) => change({ session })}
          onClose={() => {
            clear()
            p.reload()
          }}
        />
      )}
    </>
  )
}

function Outcome(p: StepProps & { onCollect: () => void }) {
  const { x } = p
  const providers = useProviders()
  const provider = providers.data?.find((q) => q.id === x.provider.id)
  switch (x.state) {
    case 'review':
      if (x.waits_for === 'papers') {
        return (
          <Result icon="inbox" tone="warn" title={a('reviewPapers')}>
            <p>{a(x.identity.way === 'onsite' ? 'reviewOnsiteText' : 'reviewMailText', { number: x.number })}</p>
            <ProviderLines provider={provider} />
          </Result>
        )
      }
      return (
        <Result icon="clock" tone="plain" title={a('reviewTitle')}>
          <p>{a('reviewText')}</p>
          <ProviderLines provider={provider} />
        </Result>
      )
    case 'making':
      return x.medium === 'mobile' ? (
        <Result icon="phone" tone="good" title={a('makingTitle')}>
          <p>{a('makingMobile')}</p>
          {x.acts.includes('collect') && (
            <div class="row">
              <Button kind="primary" size="large" onClick={p.onCollect} testid="collect">
                {a('collect')}
              </Button>
            </div>
          )}
        </Result>
      ) : (
        <Result icon="usb" tone="good" title={a('makingTitle')}>
          <p>{a('makingUkey')}</p>
          <ProviderLines provider={provider} />
        </Result>
      )
    case 'issued':
      return <IssuedResult {...p} />
    case 'withdrawn':
      return (
        <Result icon="close" tone="plain" title={a('withdrawnTitle')}>
          <p>{a('withdrawnText')}</p>
        </Result>
      )
  }
  return null
}

function ProviderLines({ provider }: { provider: Provider | undefined }) {
  return provider ? <Lines provider={provider} /> : null
}

function Result(p: { icon: IconName; tone: 'plain' | 'good' | 'warn'; title: string; children: preact.ComponentChildren }) {
  return (
    <section class="card card-padded stack result" aria-labelledby="result" data-testid="result">
      <div class={`outcome-icon outcome-${p.tone}`}>
        <Icon name={p.icon} />
      </div>
      <h2 id="result">{p.title}</h2>
      {p.children}
    </section>
  )
}

function IssuedResult({ x, onChange, reload }: StepProps) {
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const [busy, setBusy] = useState(false)
  const [losing, setLosing] = useState(false)
  const replace = async () => {
    setBusy(true)
    setProblem(undefined)
    try {
      onChange(await call<Application>('POST', `/v1/applications/${x.id}/replace`, { body: {} }))
      announce(a('replaceDone'))
    } catch (e) {
      setProblem(asProblem(e))
      reload()
    }
    setBusy(false)
  }
  const now = x.standing
  const ended = now && now.state !== 'active'
  const s = x.shipment
  const text = x.medium === 'mobile' ? a('issuedMobile') : s && s.carrier !== 'pickup' ? a('issuedUkey', { carrier: visible(s.carrier), number: visible(s.number ?? '') }) : a('issuedPickup')
  const replaceable = x.acts.includes('replace')
  return (
    <Result icon="certificate" tone={ended ? 'warn' : 'good'} title={!ended ? a('issuedTitle') : a(now.state === 'revoked' ? 'revokedTitle' : 'expiredTitle')}>
      <p>{!ended ? text : replaceable ? a('replaceText', { date: date(now.not_after) }) : a(now.state === 'revoked' ? 'revokedText' : 'expiredText')}</p>
      <div class="row">
        {replaceable ? (
          <Button kind="primary" busy={busy} onClick={() => void replace()} testid="replace">
            {a('replace')}
          </Button>
        ) : (
          !ended && (
            <Button kind="primary" onClick={() => (x.medium === 'mobile' ? toBinding(x.provider.id) : go('bindings'))} testid="bind-issued">
              {a('toBindings')}
            </Button>
          )
        )}
        {x.order && x.amount_fen > 0 && (
          <Button onClick={() => go('invoice', x.order)} testid="invoice">
            {a('invoice')}
          </Button>
        )}
      </div>
      {problem && <ProblemNote problem={problem} />}
      {now && !ended && !x.masked && (
        <p class="small muted">
          {a(x.medium === 'mobile' ? 'lostPhone' : 'lostKey')}{' '}
          <Button size="small" kind="quiet-danger" onClick={() => setLosing(true)} testid="lost">
            {a('lost')}
          </Button>
        </p>
      )}
      {losing && now && (
        <RevokeDialog
          id={now.certificate}
          holder={x.holder}
          first="key_compromise"
          onClose={() => setLosing(false)}
          onDone={() => {
            setLosing(false)
            if (x.medium === 'mobile') void replace()
            else reload()
          }}
        />
      )}
    </Result>
  )
}

interface Collecting {
  open: boolean
  session: string
}

// 领取证书: the phone makes the key, and collects the certificate by scanning.
function CollectDialog({ x, resume, remember, onClose }: { x: Application; resume: string; remember: (id: string) => void; onClose: () => void }) {
  const running = useSession({ purpose: 'enroll', application: x.id }, resume || undefined, (id) => remember(id ?? ''))
  const leave = () => {
    void running.cancel().catch(() => undefined)
    onClose()
  }
  return (
    <Dialog title={a('collectTitle')} onClose={running.session?.state === 'accepted' ? undefined : leave} testid="collect-dialog" fallback='[data-testid="bind-issued"]'>
      <p class="session-for">
        <strong>{visible(x.holder)}</strong>
        <span class="badge">{either(x.product_name.zh, x.product_name.en)}</span>
      </p>
      <SessionPanel
        running={running}
        purpose="enroll"
        provider={undefined}
        onDone={leave}
        onCancel={leave}
        onBindNow={() => {
          onClose()
          toBinding(x.provider.id)
        }}
      />
    </Dialog>
  )
}
