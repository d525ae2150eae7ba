// 线下转账: where to transfer to, the proof, and its review.
import { useState } from 'preact/hooks'
import { query } from '../../shared/api'
import { dateTime } from '../../shared/format'
import { Button, ErrorSummary, FileInput, type Mistake, Note, ProblemNote, mistake } from '../../shared/ui'
import { call, download } from '../state'
import { useAct } from './cashier'
import type { Attempt, Order } from './model'
import { c } from './words'

const most = 10 << 20

export function TransferPanel({ order, attempt, take, onOther }: { order: Order; attempt: Attempt; take: (o: Order) => void; onOther: () => void }) {
  const act = useAct(take)
  const [file, setFile] = useState<File | undefined>(undefined)
  const [mistakes, setMistakes] = useState<Mistake[]>([])
  const to = order.methods.find((m) => m.provider === 'offline')?.transfer
  const review = attempt.state === 'review'
  const send = async (chosen: File) => {
    const body = new Uint8Array(await chosen.arrayBuffer())
    return call<Order>('POST', `/v1/orders/${order.id}/proof${query({ name: chosen.name })}`, {
      body,
      headers: { 'Content-Type': 'application/octet-stream' },
      timeoutMs: 120_000,
    })
  }
  return (
    <section class="card card-padded stack" aria-labelledby="transfer">
      {review && (
        <Note tone="good" title={c('reviewTitle')} testid="proof-review">
          <p>{c('reviewText', { time: dateTime(attempt.proof_at ?? '') })}</p>
          <Button size="small" onClick={() => void download(`/v1/orders/${order.id}/proof`, 'proof')}>
            {c('seeProof')}
          </Button>
        </Note>
      )}
      <h2 id="transfer">{c('transferTitle')}</h2>
      {to && (
        <dl class="order-facts order-facts-wide">
          <div>
            <dt>{c('payee')}</dt>
            <dd>{to.payee}</dd>
          </div>
          <div>
            <dt>{c('bank')}</dt>
            <dd>{to.bank}</dd>
          </div>
          <div>
            <dt>{c('accountNumber')}</dt>
            <dd class="nums">{to.account}</dd>
          </div>
        </dl>
      )}
      <p>{c('transferNote', { number: order.number })}</p>
      <ErrorSummary mistakes={mistakes} />
      <form
        class="stack"
        onSubmit={(e) => {
          e.preventDefault()
          const wrong = !file ? 'needFile' : file.size > most ? 'fileTooLarge' : undefined
          setMistakes(wrong ? [mistake('proof-file', () => c(wrong))] : [])
          if (file && !wrong) act.run(() => send(file).then((o) => (setFile(undefined), o)))
        }}
      >
        <FileInput id="proof-file" label={c('proof')} hint={c('proofHint')} error={mistakes[0]?.text} accept=".pdf,.jpg,.jpeg,.png" file={file} onFile={setFile} testid="proof-file" />
        {act.problem && <ProblemNote problem={act.problem} />}
        <div class="row">
          <Button submit kind={review ? 'secondary' : 'primary'} busy={act.busy} testid="proof-send">
            {act.busy ? c('uploading') : c('upload')}
          </Button>
          {!review && (
            <Button kind="quiet" onClick={onOther} testid="pay-other">
              {c('otherMethod')}
            </Button>
          )}
        </div>
      </form>
    </section>
  )
}
