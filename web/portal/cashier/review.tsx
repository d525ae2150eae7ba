// 付款审核: proofs of transfers to decide on, and refunds that a person must make.
import { useState } from 'preact/hooks'
import { query } from '../../shared/api'
import { dateTime, money } from '../../shared/format'
import { dictionary } from '../../shared/i18n'
import { type Problem, asProblem } from '../../shared/problem'
import { Button, Dialog, ErrorSummary, Field, type Mistake, ProblemNote, announce, mistake } from '../../shared/ui'
import { useDraft } from '../draft'
import { Cell, Filters, List, usePages } from '../list'
import { Picker } from '../picker'
import { call, download } from '../state'
import { DecisionBadge, Undo, useUndo } from '../undo'
import { w } from '../words'
import type { Order, QueuedOrder } from './model'
import { c, methodName, stateName } from './words'

const say = dictionary(
  {
    lead: '线下转账的付款凭证，以及需要人工退回的款项。等待最久的在最前面。',
    empty: '没有等待处理的付款',
    emptyText: '新的转账凭证提交后会显示在这里。',
    which: '显示',
    waiting: '等待处理',
    transfers: '等待到账的转账',
    leadTransfers: '选择了线下转账、还没有上传凭证的订单。银行流水中查到款项后，可以直接登记到账。',
    leadNumber: '按订单编号查找的结果。清空编号后查找，可以回到列表。',
    emptyTransfers: '没有等待到账的转账',
    emptyTransfersText: '付款人选择线下转账后会显示在这里。',
    numberHint: '转账附言中的完整编号',
    find: '查找',
    noneNumber: '没有这个编号的订单',
    noneNumberText: '请核对订单编号，共 20 位数字。',
    awaited: '等待付款',
    accepted: '已确认到账',
    rejected: '已退回凭证',
    received: '登记到账',
    receivedTitle: '登记这笔订单已到账？',
    receivedText: '登记后订单 {number}（{who}，{amount}）变为已支付，申请人可以继续办理，并会收到通知。此操作不能撤销，请先核对银行流水的金额与付款人。',
    statement: '银行流水号或对账单日期',
    statementHint: '记入订单记录和审计记录，以便日后核对',
    needStatement: '请填写银行流水号或对账单日期',
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
    refunded: '登记退款',
    refundTitle: '登记退款',
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
    which: 'Show',
    waiting: 'Waiting for a decision',
    transfers: 'Transfers that are awaited',
    leadTransfers: 'Orders that are to be paid by transfer, and whose payer has uploaded no proof. Once the money stands on the bank statement, record it here.',
    leadNumber: 'The order with this number. Empty the field and press Find to come back to the list.',
    emptyTransfers: 'No transfer is awaited',
    emptyTransfersText: 'Orders are listed here when their payer chooses to transfer the money.',
    numberHint: 'All of it, from the transfer’s remark',
    find: 'Find',
    noneNumber: 'No order has this number',
    noneNumberText: 'Compare the number: it has 20 figures.',
    awaited: 'Awaiting the money',
    accepted: 'Accepted',
    rejected: 'Rejected',
    received: 'Record as received',
    receivedTitle: 'Has the money for this order arrived?',
    receivedText: 'The order {number} ({who}, {amount}) is paid then; the applicant can go on, and is told. This cannot be undone: compare the amount and the payer with the bank statement first.',
    statement: 'Transaction number, or date of the statement',
    statementHint: 'Kept with the order and in the audit log, to compare later',
    needStatement: 'Enter the transaction number or the date of the statement',
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
    refunded: 'Record the refund',
    refundTitle: 'Record a refund',
    refundText: 'Send {amount} back to the payer first, at the bank or on the merchant’s platform. Once recorded, the applicant sees it as refunded.',
    note: 'Note (optional)',
    noteHint: 'For example: by online banking, its number',
    done: 'Done',
    gone: 'Somebody else has decided on it; the list is up to date now.',
  },
)

type Act = { kind: 'accept' | 'reject' | 'refund' | 'received'; order: QueuedOrder }

const lists = ['waiting', 'transfers'] as const

export function PaymentReviewPage() {
  const [view, change] = useDraft<{ list: (typeof lists)[number]; number: string }>('review-payments', { list: 'waiting', number: '' })
  const [typed, setTyped] = useState(view.number)
  const list = usePages<QueuedOrder>((cursor) => `/v1/review/payments${query({ list: view.list, number: view.number, limit: 20, cursor })}`)
  const [act, setAct] = useState<Act | undefined>(undefined)
  const [gone, setGone] = useState(false)
  const undoing = useUndo((id) => `/v1/review/payments/${id}/undo`, list.reload)
  return (
    <List
      title={w('reviewPayments')}
      lead={say(view.number ? 'leadNumber' : view.list === 'waiting' ? 'lead' : 'leadTransfers')}
      filters={
        <Filters onFind={() => change({ number: typed.replace(/\D/g, '') })} folded={view.number || say(view.list)}>
          <Picker
            id="payments-list"
            label={say('which')}
            value={view.list}
            onChange={(value) => {
              setTyped('')
              change({ list: value as 'waiting', number: '' })
            }}
            options={lists.map((l) => ({ value: l, title: say(l) }))}
          />
          <Field id="payments-number" label={c('number')} type="search" placeholder={say('numberHint')} value={typed} onInput={setTyped} maxLength={32} testid="payments-number" />
          <Button submit testid="find">
            {say('find')}
          </Button>
        </Filters>
      }
      notes={gone && <p role="status">{say('gone')}</p>}
      caption={w('reviewPayments')}
      list={list}
      row={(o) => ({ id: o.id, testid: 'payment-row', state: o.state })}
      empty={
        view.number
          ? { icon: 'search', title: say('noneNumber'), text: say('noneNumberText') }
          : { icon: 'inbox', title: say(view.list === 'waiting' ? 'empty' : 'emptyTransfers'), text: say(view.list === 'waiting' ? 'emptyText' : 'emptyTransfersText') }
      }
      keys
      columns={[
        { head: c('number'), class: 'nums', cell: (o) => <Cell sub={[o.lines.map((l) => l.name).join(w('listSeparator'))]}>{o.number}</Cell> },
        { head: say('who'), cell: (o) => <Cell sub={[o.organisation]}>{o.account}</Cell> },
        { head: c('amount'), class: 'nums', cell: (o) => money(o.acts.includes('refunded') ? (owed(o)?.amount_fen ?? o.amount_fen) : o.amount_fen) },
        { head: say('since'), class: 'nums', cell: (o) => dateTime(o.since) },
        { head: c('state'), cell: (o) => <Standing order={o} /> },
      ]}
      acts={(o) => (
        <>
          {o.decision && <Undo decision={o.decision} {...undoing(o.id)} />}
          {o.acts.includes('decide') && (
            <>
              <Button kind="quiet" size="small" testid="proof-see" onClick={() => void download(`/v1/orders/${o.id}/proof`, `${o.number}`)}>
                {say('see')}
              </Button>
              <Button kind="quiet" size="small" testid="proof-accept" onClick={() => setAct({ kind: 'accept', order: o })}>
                {say('accept')}
              </Button>
              <Button kind="quiet-danger" size="small" testid="proof-reject" onClick={() => setAct({ kind: 'reject', order: o })}>
                {say('reject')}
              </Button>
            </>
          )}
          {o.acts.includes('received') && (
            <Button kind="quiet" size="small" testid="payment-received" onClick={() => setAct({ kind: 'received', order: o })}>
              {say('received')}
            </Button>
          )}
          {o.acts.includes('refunded') && (
            <Button kind="quiet" size="small" testid="refund-done" onClick={() => setAct({ kind: 'refund', order: o })}>
              {say('refunded')}
            </Button>
          )}
        </>
      )}
    >
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
    </List>
  )
}

function owed(o: QueuedOrder) {
  return o.refunds.find((r) => r.state === 'by_hand')
}

// What is to be done about it, or what was decided and still can be undone.
function Standing({ order: o }: { order: QueuedOrder }) {
  const refund = owed(o)
  if (o.decision) return <DecisionBadge decision={o.decision} yes={say('accepted')} no={say('rejected')} />
  if (o.acts.includes('decide')) return <>{say('proof')}</>
  if (refund) return <Cell sub={[[methodName(refund.provider), refund.note].filter(Boolean).join(' · ')]}>{say('refund')}</Cell>
  return <Cell sub={[o.paid_at && dateTime(o.paid_at)]}>{o.acts.includes('received') ? say('awaited') : stateName(o)}</Cell>
}

function ActDialog({ act, onClose, onDone }: { act: Act; onClose: () => void; onDone: (late: boolean) => void }) {
  const { kind, order } = act
  const [text, setText] = useState('')
  const [mistakes, setMistakes] = useState<Mistake[]>([])
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const refund = owed(order)
  const send = async () => {
    if ((kind === 'reject' || kind === 'received') && !text.trim()) {
      setMistakes([mistake('reason', () => say(kind === 'reject' ? 'needReason' : 'needStatement'))])
      return
    }
    setMistakes([])
    setBusy(true)
    setProblem(undefined)
    try {
      if (kind === 'refund') {
        await call<Order>('POST', `/v1/review/payments/${order.id}/refunded`, { body: { refund: refund?.id ?? '', note: text.trim() } })
      } else if (kind === 'received') {
        await call<Order>('POST', `/v1/review/payments/${order.id}/received`, { body: { note: text.trim() } })
      } else {
        await call<Order>('POST', `/v1/review/payments/${order.id}/decide`, { body: { proof: order.attempt?.proof ?? '', accept: kind === 'accept', reason: text.trim() } })
      }
      onDone(false)
    } catch (e) {
      const p = asProblem(e)
      // Two reviewers at once: the first has decided, and there is nothing left to do.
      if (p.code === 'payment_proof_state_wrong' || p.code === 'refund_state_wrong' || p.code === 'order_state_wrong') onDone(true)
      else setProblem(p)
      setBusy(false)
    }
  }
  const title = { accept: say('acceptTitle'), reject: say('rejectTitle'), refund: say('refundTitle'), received: say('receivedTitle') }[kind]
  return (
    <Dialog title={title} onClose={onClose} narrow testid="payment-dialog">
      <div class="stack">
        <p>
          {kind === 'accept' && say('acceptText', { number: order.number, amount: money(order.amount_fen) })}
          {kind === 'reject' && say('rejectText')}
          {kind === 'received' && say('receivedText', { number: order.number, amount: money(order.amount_fen), who: order.organisation || order.account })}
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
            label={say(kind === 'reject' ? 'reason' : kind === 'received' ? 'statement' : 'note')}
            hint={kind === 'refund' ? say('noteHint') : kind === 'received' ? say('statementHint') : undefined}
            value={text}
            onInput={(value) => (setText(value), setMistakes([]))}
            error={mistakes[0]?.text}
            maxLength={500}
            testid="reason"
          />
        )}
        {problem && <ProblemNote problem={problem} />}
        <div class="row">
          <Button kind={kind === 'reject' ? 'danger' : 'primary'} busy={busy} onClick={() => void send()} testid="payment-go">
            {{ accept: say('accept'), reject: say('reject'), refund: say('refunded'), received: say('received') }[kind]}
          </Button>
          <Button onClick={onClose}>{w('cancel')}</Button>
        </div>
      </div>
    </Dialog>
  )
}
