// 付款审核: proofs of transfers to decide on, and refunds that a person must make.
import { useState } from 'preact/hooks'
import { query } from '../../shared/api'
import { dateTime, money } from '../../shared/format'
import { dictionary } from '../../shared/i18n'
import type { Page } from '../../shared/model'
import { type Problem, asProblem } from '../../shared/problem'
import { Blank, Button, Dialog, ErrorSummary, Field, type Mistake, ProblemNote, Waiting, announce } from '../../shared/ui'
import { useLoad } from '../load'
import { call, download } from '../state'
import { w } from '../words'
import type { Order, QueuedOrder } from './model'
import { c, methodName } from './words'

const say = dictionary(
  {
    lead: '线下转账的付款凭证，以及需要人工退回的款项。等待最久的在最前面。',
    empty: '没有等待处理的付款',
    emptyText: '新的转账凭证提交后会显示在这里。',
    since: '提交时间',
    who: '付款人',
    proof: '付款凭证',
    refund: '人工退款',
    see: '查看凭证',
    accept: '确认到账',
    reject: '退回',
    acceptTitle: '确认这笔转账已到账？',
    acceptText: '确认后订单 {number}（{amount}）变为已支付，申请人可以继续办理。请先核对到账金额与付款人。',
    rejectTitle: '退回付款凭证',
    rejectText: '申请人会看到原因，并可以重新上传。',
    reason: '退回原因',
    needReason: '请填写退回原因',
    r1: '凭证看不清',
    r2: '金额与订单不符',
    r3: '没有查到这笔到账',
    r4: '收款账户不对',
    refunded: '已退款',
    refundTitle: '登记已退款',
    refundText: '请先在银行或商户平台把 {amount} 退回付款人，再登记。登记后申请人会看到已退款。',
    note: '退款说明（选填）',
    noteHint: '例如：网银退回，流水号',
    done: '已处理',
    gone: '这条记录已由他人处理，列表已更新。',
  },
  {
    lead: 'Proofs of bank transfers, and refunds that have to be made by hand. What has waited longest is first.',
    empty: 'No payment waits',
    emptyText: 'New proofs of transfers are shown here.',
    since: 'Handed in at',
    who: 'Payer',
    proof: 'Proof',
    refund: 'Refund by hand',
    see: 'See the proof',
    accept: 'Accept',
    reject: 'Reject',
    acceptTitle: 'Has this transfer arrived?',
    acceptText: 'The order {number} ({amount}) is paid then, and the applicant can go on. Compare the amount and the payer first.',
    rejectTitle: 'Reject the proof',
    rejectText: 'The applicant reads the reason and can upload another one.',
    reason: 'Reason',
    needReason: 'Say why it is rejected',
    r1: 'The proof cannot be read',
    r2: 'The amount differs from the order',
    r3: 'No such payment has arrived',
    r4: 'It was paid to another account',
    refunded: 'Refunded',
    refundTitle: 'Record a refund',
    refundText: 'Send {amount} back to the payer first, at the bank or on the merchant’s platform. Once recorded, the applicant sees it as refunded.',
    note: 'Note (optional)',
    noteHint: 'For example: by online banking, its number',
    done: 'Done',
    gone: 'Somebody else has decided on it; the list is up to date now.',
  },
)

type Act = { kind: 'accept' | 'reject' | 'refund'; order: QueuedOrder }

export function PaymentReviewPage() {
  const list = useLoad((signal) => call<Page<QueuedOrder>>('GET', `/v1/review/payments${query({ limit: 100 })}`, { signal }), [])
  const [act, setAct] = useState<Act | undefined>(undefined)
  const [gone, setGone] = useState(false)
  const items = list.data?.items
  return (
    <div class="stack page-body">
      <h1>{w('reviewPayments')}</h1>
      <p class="lead">{say('lead')}</p>
      {gone && <p role="status">{say('gone')}</p>}
      {list.problem && <ProblemNote problem={list.problem} meaning={w('loadFailed')} onRetry={list.reload} retryText={w('reload')} testid="failed" />}
      <section class="card" aria-label={w('reviewPayments')}>
        {!items ? (
          !list.problem && <Waiting testid="loading" />
        ) : items.length === 0 ? (
          <Blank icon="inbox" title={say('empty')} testid="empty">
            <p>{say('emptyText')}</p>
          </Blank>
        ) : (
          <div class="table-box">
            <table class="table">
              <thead>
                <tr>
                  <th scope="col">{c('number')}</th>
                  <th scope="col">{say('who')}</th>
                  <th scope="col">{c('amount')}</th>
                  <th scope="col">{say('since')}</th>
                  <th scope="col">{c('state')}</th>
                  <th scope="col">{c('acts')}</th>
                </tr>
              </thead>
              <tbody>
                {items.map((o) => (
                  <Row key={o.id} order={o} onAct={(kind) => setAct({ kind, order: o })} />
                ))}
              </tbody>
            </table>
          </div>
        )}
      </section>
      {act && (
        <ActDialog
          act={act}
          onClose={() => setAct(undefined)}
          onDone={(late) => {
            setAct(undefined)
            setGone(late)
            if (!late) announce(say('done'))
            list.reload()
          }}
        />
      )}
    </div>
  )
}

function owed(o: QueuedOrder) {
  return o.refunds.find((r) => r.state === 'by_hand')
}

function Row({ order, onAct }: { order: QueuedOrder; onAct: (kind: Act['kind']) => void }) {
  const refund = owed(order)
  const proof = order.attempt?.state === 'review'
  return (
    <tr data-testid="payment-row">
      <td class="nums" data-label={c('number')}>
        <div>
          {order.number}
          <span class="cell-sub">{order.lines.map((l) => l.name).join(w('listSeparator'))}</span>
        </div>
      </td>
      <td data-label={say('who')}>
        <div>
          {order.account}
          <span class="cell-sub">{order.organisation}</span>
        </div>
      </td>
      <td class="nums" data-label={c('amount')}>
        {money(proof ? order.amount_fen : (refund?.amount_fen ?? order.amount_fen))}
      </td>
      <td class="nums" data-label={say('since')}>
        {dateTime(order.since)}
      </td>
      <td data-label={c('state')}>
        <div>
          {proof ? say('proof') : say('refund')}
          {!proof && refund && <span class="cell-sub">{[methodName(refund.provider), refund.note].filter(Boolean).join(' · ')}</span>}
        </div>
      </td>
      <td data-label={c('acts')}>
        <div class="acts">
          {proof && (
            <>
              <Button kind="quiet" size="small" testid="proof-see" onClick={() => void download(`/v1/orders/${order.id}/proof`, `${order.number}`)}>
                {say('see')}
              </Button>
              <Button kind="quiet" size="small" testid="proof-accept" onClick={() => onAct('accept')}>
                {say('accept')}
              </Button>
              <Button kind="quiet-danger" size="small" testid="proof-reject" onClick={() => onAct('reject')}>
                {say('reject')}
              </Button>
            </>
          )}
          {!proof && refund && (
            <Button kind="quiet" size="small" testid="refund-done" onClick={() => onAct('refund')}>
              {say('refunded')}
            </Button>
          )}
        </div>
      </td>
    </tr>
  )
}

function ActDialog({ act, onClose, onDone }: { act: Act; onClose: () => void; onDone: (late: boolean) => void }) {
  const { kind, order } = act
  const [text, setText] = useState('')
  const [mistakes, setMistakes] = useState<Mistake[]>([])
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const refund = owed(order)
  const send = async () => {
    if (kind === 'reject' && !text.trim()) {
      setMistakes([{ field: 'reason', text: say('needReason') }])
      return
    }
    setMistakes([])
    setBusy(true)
    setProblem(undefined)
    try {
      if (kind === 'refund') {
        await call<Order>('POST', `/v1/review/payments/${order.id}/refunded`, { body: { refund: refund?.id ?? '', note: text.trim() } })
      } else {
        await call<Order>('POST', `/v1/review/payments/${order.id}/decide`, { body: { proof: order.attempt?.proof ?? '', accept: kind === 'accept', reason: text.trim() } })
      }
      onDone(false)
    } catch (e) {
      const p = asProblem(e)
      // Two reviewers at once: the first has decided, and there is nothing left to do.
      if (p.code === 'payment_proof_state_wrong' || p.code === 'refund_state_wrong') onDone(true)
      else setProblem(p)
      setBusy(false)
    }
  }
  const title = { accept: say('acceptTitle'), reject: say('rejectTitle'), refund: say('refundTitle') }[kind]
  return (
    <Dialog title={title} onClose={onClose} narrow testid="payment-dialog">
      <div class="stack">
        <p>
          {kind === 'accept' && say('acceptText', { number: order.number, amount: money(order.amount_fen) })}
          {kind === 'reject' && say('rejectText')}
          {kind === 'refund' && say('refundText', { amount: money(refund?.amount_fen ?? 0) })}
        </p>
        <ErrorSummary mistakes={mistakes} />
        {kind === 'reject' && (
          <div class="row" role="group" aria-label={say('reason')}>
            {(['r1', 'r2', 'r3', 'r4'] as const).map((r) => (
              <Button key={r} size="small" onClick={() => setText(say(r))}>
                {say(r)}
              </Button>
            ))}
          </div>
        )}
        {kind !== 'accept' && (
          <Field
            id="reason"
            label={kind === 'reject' ? say('reason') : say('note')}
            hint={kind === 'refund' ? say('noteHint') : undefined}
            value={text}
            onInput={setText}
            error={mistakes[0]?.text}
            maxLength={500}
            testid="reason"
          />
        )}
        {problem && <ProblemNote problem={problem} />}
        <div class="row">
          <Button kind={kind === 'reject' ? 'danger' : 'primary'} busy={busy} onClick={() => void send()} testid="payment-go">
            {{ accept: say('accept'), reject: say('reject'), refund: say('refunded') }[kind]}
          </Button>
          <Button onClick={onClose}>{w('cancel')}</Button>
        </div>
      </div>
    </Dialog>
  )
}
