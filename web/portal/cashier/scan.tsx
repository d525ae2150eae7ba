// The code of a payment, with the time that it has, and what to do with it.
import { useState } from 'preact/hooks'
import { minutesSeconds, money } from '../../shared/format'
import { Button, Icon, Note, ProblemNote, QR, Spinner, announce } from '../../shared/ui'
import { useNarrow, useSecondsUntil } from '../flow/tick'
import { call } from '../state'
import { useAct } from './cashier'
import type { Attempt, Order } from './model'
import { c, methodName } from './words'

export function Scan({ order, attempt, take, onOther }: { order: Order; attempt: Attempt; take: (o: Order) => void; onOther: () => void }) {
  const left = useSecondsUntil(attempt.expires_at)
  const narrow = useNarrow()
  const act = useAct(take)
  const [asked, setAsked] = useState(false)
  const sandbox = order.methods.some((m) => m.provider === attempt.provider && m.sandbox)
  const over = left === 0
  const provider = methodName(attempt.provider)
  const again = () => act.run(() => call<Order>('POST', `/v1/orders/${order.id}/pay`, { body: { provider: attempt.provider } }))
  const check = () => {
    setAsked(false)
    act.run(() =>
      call<Order>('POST', `/v1/orders/${order.id}/check`, { body: {} }).then((o) => {
        if (o.state === 'open') {
          setAsked(true)
          announce(c('notYet'))
        }
        return o
      }),
    )
  }
  const size = narrow ? 240 : 264
  return (
    <section class="card card-padded stack" aria-labelledby="scan-title">
      <h2 id="scan-title">{sandbox ? c('scanSandbox') : c('scanTitle', { provider })}</h2>
      {sandbox && (
        <Note tone="warn" title={c('sandbox')} testid="sandbox-mark">
          <p>{c('sandboxText')}</p>
        </Note>
      )}
      <div class="pay-scan">
        <div class="pay-code">
          <div class={narrow ? 'pay-frame pay-frame-narrow' : 'pay-frame'}>
            {attempt.code && !over ? (
              <QR text={attempt.code} size={size} testid="pay-code" state="live" label={c('qr')} />
            ) : (
              <div class="pay-gone" data-testid="pay-code" data-state={over ? 'over' : 'loading'}>
                {over ? <Icon name="clock" /> : <Spinner large />}
                <strong>{over ? c('expiredTitle') : c('starting')}</strong>
                {over && <span>{c('expiredText')}</span>}
              </div>
            )}
          </div>
          <p class="pay-amount nums">{money(order.amount_fen)}</p>
          {over ? (
            <Button kind="primary" busy={act.busy} onClick={again} testid="pay-again">
              {c('renew')}
            </Button>
          ) : (
            <p class="nums muted" data-testid="pay-left">
              {attempt.code ? c('left', { time: minutesSeconds(left) }) : '\u00a0'}
            </p>
          )}
        </div>
        <div class="stack">
          {!sandbox && (
            <ol class="steps">
              <li>{c('scan1', { provider })}</li>
              <li>{c('scan2')}</li>
              <li>{c('scan3')}</li>
            </ol>
          )}
          {sandbox && attempt.code && !over && (
            <p>
              <a class="button button-primary" href={attempt.code} target="_blank" rel="noopener" data-testid="open-sandbox">
                {c('openSandbox')}
              </a>
              <span class="small muted pay-hint">{c('sandboxHint')}</span>
            </p>
          )}
          {asked && (
            <Note tone="warn" testid="not-yet">
              <p>{c('notYet')}</p>
            </Note>
          )}
          {act.problem && <ProblemNote problem={act.problem} />}
          <div class="row">
            {!over && (
              <Button busy={act.busy} off={!attempt.code} onClick={check} testid="pay-check">
                {c('checked')}
              </Button>
            )}
            <Button kind="quiet" onClick={onOther} testid="pay-other">
              {c('otherMethod')}
            </Button>
          </div>
        </div>
      </div>
    </section>
  )
}
