// 发票处理: proofs to look at, invoices to make and bring, and what was done.
import { useState } from 'preact/hooks'
import { query } from '../../shared/api'
import { dateTime, money } from '../../shared/format'
import { dictionary } from '../../shared/i18n'
import { type Problem, asProblem } from '../../shared/problem'
import { Button, Dialog, ErrorSummary, Field, FileInput, type Mistake, mistake, Note, ProblemNote, Waiting, announce } from '../../shared/ui'
import { useDraft } from '../draft'
import { Cell, List, usePages } from '../list'
import { useLoad } from '../load'
import { Picker } from '../picker'
import { call, download } from '../state'
import { DecisionBadge, Undo, useUndo } from '../undo'
import { w } from '../words'
import type { Details, Invoice, QueuedInvoice } from './model'
import { v } from './words'

const say = dictionary(
  {
    lead: '待开具的发票申请。电子发票上传后自动发送到申请人邮箱；纸质发票填写运单号。',
    filter: '状态',
    issuing: '待开票',
    reviewing: '凭证待审核',
    issued: '已开票',
    rejected: '已退回',
    empty: '没有这个状态的发票申请',
    emptyText: '申请人提交后会显示在这里。',
    who: '申请人',
    applied: '申请时间',
    form: '形式',
    open: '处理',
    see: '查看',
    dialog: '发票申请 {number}',
    readNote: '查看开票信息会记入审计记录。',
    seeProof: '查看付款凭证',
    acceptProof: '凭证通过，转开票',
    reject: '退回申请',
    reason: '退回原因',
    needReason: '请填写退回原因',
    number: '发票号码',
    numberHint: '数电发票 20 位；旧版发票 8 至 12 位',
    needNumber: '发票号码应为 20 位或 8 至 12 位数字',
    file: '发票文件',
    fileHint: 'PDF、OFD 或 XML，最大 10 MB',
    needFile: '请选择发票文件',
    fileTooLarge: '文件超过 10 MB，请检查是否选错文件',
    upload: '上传并发送',
    carrier: '快递公司',
    tracking: '运单号',
    needCarrier: '请填写快递公司',
    needTracking: '请填写运单号',
    posted: '已寄出',
    acceptedNow: '凭证已通过',
    rejectedNow: '已退回',
    done: '已处理',
    gone: '这份申请已由他人处理，列表已更新。',
  },
  {
    lead: 'Invoices to be made. An electronic one is sent to the applicant when it is uploaded; of a paper one the tracking number is entered.',
    filter: 'State',
    issuing: 'To be made',
    reviewing: 'Proofs to review',
    issued: 'Issued',
    rejected: 'Sent back',
    empty: 'There is none in this state',
    emptyText: 'What applicants hand in is shown here.',
    who: 'Applicant',
    applied: 'Asked for at',
    form: 'Form',
    open: 'Open',
    see: 'See',
    dialog: 'Invoice for order {number}',
    readNote: 'That the details were read goes into the audit log.',
    seeProof: 'See the proof of payment',
    acceptProof: 'Accept the proof',
    reject: 'Send back',
    reason: 'Reason',
    needReason: 'Say why it is sent back',
    number: 'Number of the invoice',
    numberHint: '20 figures if it is fully digital; 8 to 12 before that',
    needNumber: 'The number has 20 figures, or 8 to 12',
    file: 'File of the invoice',
    fileHint: 'PDF, OFD or XML, at most 10 MB',
    needFile: 'Choose the file of the invoice',
    fileTooLarge: 'The file is larger than 10 MB: is it the right one?',
    upload: 'Upload and send',
    carrier: 'Carrier',
    tracking: 'Tracking number',
    needCarrier: 'Enter the carrier',
    needTracking: 'Enter the tracking number',
    posted: 'It is on its way',
    acceptedNow: 'Proof accepted',
    rejectedNow: 'Sent back',
    done: 'Done',
    gone: 'Somebody else has acted on it; the list is up to date now.',
  },
)

const most = 10 << 20

const states = ['issuing', 'reviewing', 'issued', 'rejected'] as const

export function InvoiceReviewPage() {
  const [view, change] = useDraft<{ state: (typeof states)[number] }>('review-invoices', { state: 'issuing' })
  const list = usePages<QueuedInvoice>((cursor) => `/v1/review/invoices${query({ state: view.state, limit: 20, cursor })}`)
  const [opened, setOpened] = useState<QueuedInvoice | undefined>(undefined)
  const [gone, setGone] = useState(false)
  const undoing = useUndo((id) => `/v1/review/invoices/${id}/undo`, list.reload)
  return (
    <List
      title={w('reviewInvoices')}
      lead={say('lead')}
      filters={
        <div class="list-filters">
          <Picker id="invoice-state" label={say('filter')} value={view.state} onChange={(state) => change({ state: state as 'issuing' })} options={states.map((s) => ({ value: s, title: say(s) }))} />
        </div>
      }
      notes={gone && <p role="status">{say('gone')}</p>}
      caption={w('reviewInvoices')}
      list={list}
      row={(i) => ({ id: i.id, testid: 'invoice-row', state: i.state })}
      empty={{ icon: 'inbox', title: say('empty'), text: say('emptyText') }}
      keys
      columns={[
        { head: v('orderNumber'), class: 'nums', cell: (i) => i.order_number },
        { head: say('who'), cell: (i) => <Cell sub={[i.organisation]}>{i.account}</Cell> },
        { head: v('amount'), class: 'nums', cell: (i) => money(i.amount_fen) },
        { head: say('form'), cell: (i) => v(i.medium) },
        { head: say('applied'), class: 'nums', cell: (i) => dateTime(i.applied_at) },
        { head: say('filter'), cell: (i) => (i.decision ? <DecisionBadge decision={i.decision} yes={say('acceptedNow')} no={say('rejectedNow')} /> : say(i.state)) },
      ]}
      acts={(i) =>
        i.decision ? (
          <Undo decision={i.decision} {...undoing(i.id)} />
        ) : (
          <Button kind="quiet" size="small" testid="invoice-open" onClick={() => setOpened(i)}>
            {i.state === 'issuing' || i.state === 'reviewing' ? say('open') : say('see')}
          </Button>
        )
      }
    >
      {opened && (
        <CaseDialog
          invoice={opened}
          onClose={() => setOpened(undefined)}
          onDone={(late) => {
            setOpened(undefined)
            setGone(late)
            if (!late) announce(say('done'))
            list.reload()
          }}
        />
      )}
    </List>
  )
}

function CaseDialog({ invoice: i, onClose, onDone }: { invoice: QueuedInvoice; onClose: () => void; onDone: (late: boolean) => void }) {
  const load = useLoad((signal) => call<Details>('GET', `/v1/review/invoices/${i.id}`, { signal }), [i.id])
  const [mistakes, setMistakes] = useState<Mistake[]>([])
  const [busy, setBusy] = useState('')
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const [rejecting, setRejecting] = useState(false)
  const [form, change, clear] = useDraft(`review-invoice-${i.id}`, { reason: '', number: '', carrier: '', tracking: '' })
  const [file, setFile] = useState<File | undefined>(undefined)
  const wrong = (field: string) => mistakes.find((m) => m.field === field)?.text
  const act = async (what: string, bad: Mistake[], work: () => Promise<Invoice>) => {
    setMistakes(bad)
    setProblem(undefined)
    if (bad.length > 0) return
    setBusy(what)
    try {
      await work()
      clear()
      onDone(false)
    } catch (e) {
      const p = asProblem(e)
      if (p.code === 'invoice_state_wrong') onDone(true)
      else setProblem(p)
      setBusy('')
    }
  }
  const base = `/v1/review/invoices/${i.id}`
  const numberWrong = /^([0-9]{20}|[0-9]{8,12})$/.test(form.number.trim()) ? [] : [mistake('number', () => say('needNumber'))]
  const reject = () =>
    act('reject', form.reason.trim() ? [] : [mistake('reason', () => say('needReason'))], () => call<Invoice>('POST', `${base}/decide`, { body: { accept: false, reason: form.reason.trim() } }))
  const upload = () =>
    act('issue', [...numberWrong, ...(!file ? [mistake('file', () => say('needFile'))] : file.size > most ? [mistake('file', () => say('fileTooLarge'))] : [])], async () =>
      call<Invoice>('POST', `${base}/issue${query({ number: form.number.trim(), name: file?.name })}`, {
        body: new Uint8Array((await file?.arrayBuffer()) ?? new ArrayBuffer(0)),
        headers: { 'Content-Type': 'application/octet-stream' },
        timeoutMs: 120_000,
      }),
    )
  const post = () =>
    act(
      'issue',
      [...numberWrong, ...(form.carrier.trim() ? [] : [mistake('carrier', () => say('needCarrier'))]), ...(form.tracking.trim() ? [] : [mistake('tracking', () => say('needTracking'))])],
      () => call<Invoice>('POST', `${base}/post`, { body: { number: form.number.trim(), carrier: form.carrier.trim(), tracking: form.tracking.trim() } }),
    )
  const input = (name: 'number' | 'carrier' | 'tracking' | 'reason', label: string, hint?: string) => (
    <Field id={name} label={label} hint={hint} value={form[name]} onInput={(value) => change({ [name]: value })} error={wrong(name)} maxLength={name === 'reason' ? 500 : 40} testid={`case-${name}`} />
  )
  return (
    <Dialog title={say('dialog', { number: i.order_number })} onClose={onClose} testid="invoice-dialog">
      <div class="stack">
        {!load.data ? load.problem ? <ProblemNote problem={load.problem} onRetry={load.reload} /> : <Waiting /> : <Facts d={load.data} />}
        <p class="small muted">{say('readNote')}</p>
        {i.proof && (
          <div class="row">
            <Button size="small" onClick={() => void download(`/v1/orders/${i.id}/invoice/proof`, i.order_number)}>
              {say('seeProof')}
            </Button>
          </div>
        )}
        <ErrorSummary mistakes={mistakes} />
        {problem && <ProblemNote problem={problem} />}
        {i.state === 'reviewing' && !rejecting && (
          <div class="row">
            <Button kind="primary" busy={busy === 'accept'} testid="case-accept" onClick={() => void act('accept', [], () => call<Invoice>('POST', `${base}/decide`, { body: { accept: true } }))}>
              {say('acceptProof')}
            </Button>
            <Button kind="quiet-danger" testid="case-reject" onClick={() => setRejecting(true)}>
              {say('reject')}
            </Button>
          </div>
        )}
        {i.state === 'issuing' && !rejecting && (
          <>
            {i.medium === 'electronic' ? (
              <>
                {input('number', say('number'), say('numberHint'))}
                <FileInput id="file" label={say('file')} hint={say('fileHint')} error={wrong('file')} accept=".pdf,.ofd,.xml" file={file} onFile={setFile} testid="case-file" />
              </>
            ) : (
              <div class="invoice-fields">
                {input('number', say('number'), say('numberHint'))}
                {input('carrier', say('carrier'))}
                {input('tracking', say('tracking'))}
              </div>
            )}
            <div class="row">
              <Button kind="primary" busy={busy === 'issue'} testid="case-issue" onClick={() => void (i.medium === 'electronic' ? upload() : post())}>
                {i.medium === 'electronic' ? say('upload') : say('posted')}
              </Button>
              <Button kind="quiet-danger" testid="case-reject" onClick={() => setRejecting(true)}>
                {say('reject')}
              </Button>
            </div>
          </>
        )}
        {rejecting && (
          <>
            {input('reason', say('reason'))}
            <div class="row">
              <Button kind="danger" busy={busy === 'reject'} testid="case-reject-go" onClick={() => void reject()}>
                {say('reject')}
              </Button>
              <Button onClick={() => (setRejecting(false), setMistakes([]))}>{w('cancel')}</Button>
            </div>
          </>
        )}
        {i.reason && (
          <Note tone="danger" title={v('rejected')}>
            <p>{i.reason}</p>
          </Note>
        )}
      </div>
    </Dialog>
  )
}

function Facts({ d }: { d: Details }) {
  const { title: t, recipient: r, invoice: i } = d
  const facts: [string, string | undefined][] = [
    [v('titleName'), t.name],
    [v('taxNumber'), t.tax_number],
    [v('address'), t.address],
    [v('phone'), t.phone],
    [v('bank'), t.bank],
    [v('account'), t.account],
    [v('invoiceType'), i.invoice_type],
    [v('content'), `${v(i.content)}: ${d.lines.map((l) => `${i.content === 'category' ? l.category : l.name} × ${l.quantity}${l.unit}`).join(', ')}`],
    [v('amount'), money(i.amount_fen)],
    [v('rPhone'), r.phone],
    [v('rEmail'), r.email],
    [v('rName'), r.name],
    [v('rAddress'), r.address],
  ]
  return (
    <dl class="order-facts" data-testid="case-facts">
      {facts
        .filter(([, value]) => value)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  )
}
