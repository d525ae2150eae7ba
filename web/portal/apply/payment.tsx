// 确认支付信息: 确定 where nothing is to be paid, else 去支付 to the cashier.
import { useState } from 'preact/hooks'
import { money } from '../../shared/format'
import { either } from '../../shared/i18n'
import { type Problem, asProblem } from '../../shared/problem'
import { Button, ProblemNote } from '../../shared/ui'
import { useLoad } from '../load'
import { go } from '../router'
import { call } from '../state'
import type { StepProps } from './course'
import type { Application, Offer } from './model'
import { a } from './words'

export function PaymentStep({ x, onChange }: StepProps) {
  const offer = useLoad((signal) => call<Offer>('GET', `/v1/products/${encodeURIComponent(x.product)}`, { signal }), [x.product])
  const [busy, setBusy] = useState('')
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const free = x.amount_fen === 0
  const run = async (name: string, work: () => Promise<void>) => {
    setBusy(name)
    setProblem(undefined)
    try {
      await work()
    } catch (e) {
      setProblem(asProblem(e))
    }
    setBusy('')
  }
  const pay = () =>
    run('pay', async () => {
      const got = await call<{ application: Application; order: string; amount_fen: number }>('POST', `/v1/applications/${x.id}/order`, { body: {} })
      onChange(got.application)
      if (got.amount_fen > 0) go('cashier', got.order)
    })
  return (
    <section class="card card-padded stack" aria-labelledby="payment">
      <h2 id="payment">{a('stepPayment')}</h2>
      <p>{a('payLead')}</p>
      <dl class="app-facts">
        <div>
          <dt>{a('payProduct')}</dt>
          <dd>{either(x.product_name.zh, x.product_name.en)}</dd>
        </div>
        {offer.data && (
          <div>
            <dt>{a('payTerm')}</dt>
            <dd>{a('payTermDays', { days: offer.data.term_days })}</dd>
          </div>
        )}
        <div>
          <dt>{a('payAmount')}</dt>
          <dd class="pay-amount" data-testid="amount">
            {free ? a('free') : money(x.amount_fen)}
          </dd>
        </div>
      </dl>
      <p>{free ? a('payFree') : a('payText')}</p>
      {problem && <ProblemNote problem={problem} />}
      <div class="row">
        <Button kind="primary" size="large" busy={busy === 'pay'} onClick={() => void pay()} testid={free ? 'confirm-free' : 'to-pay'}>
          {free ? a('confirm') : a('toPay')}
        </Button>
        {x.acts.includes('reopen') && (
          <Button kind="quiet" busy={busy === 'reopen'} onClick={() => void run('reopen', async () => onChange(await call<Application>('POST', `/v1/applications/${x.id}/reopen`, { body: {} })))}>
            {a('reopen')}
          </Button>
        )}
      </div>
    </section>
  )
}
