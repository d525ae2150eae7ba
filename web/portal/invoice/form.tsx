// The part of 申请发票 that is filled in: 发票信息 and 发票接收信息.
import { useEffect, useState } from 'preact/hooks'
import { query } from '../../shared/api'
import { type Problem, asProblem } from '../../shared/problem'
import { Button, Choices, ErrorSummary, Field, FileInput, type Mistake, mistake, ProblemNote, Waiting } from '../../shared/ui'
import { useDraft } from '../draft'
import { useLoad } from '../load'
import { call } from '../state'
import { w } from '../words'
import type { InvoiceCase, Title } from './model'
import { TitleDialog, TitleTable } from './titles'
import { v } from './words'

interface Draft {
  title: string
  content: 'detail' | 'category'
  medium: 'electronic' | 'paper'
  phone: string
  email: string
  recipient: string
  address: string
}

const most = 10 << 20

export function InvoiceForm({ found, onDone }: { found: InvoiceCase; onDone: (c: InvoiceCase) => void }) {
  const titles = useLoad((signal) => call<{ items: Title[]; most: number }>('GET', '/v1/invoice-titles', { signal }), [])
  const r = found.recipient
  const [form, change, clear] = useDraft<Draft>(`invoice-${found.order.id}`, {
    title: '',
    content: found.invoice?.content ?? 'detail',
    medium: found.invoice?.medium ?? 'electronic',
    phone: r.phone,
    email: r.email,
    recipient: r.name ?? '',
    address: r.address ?? '',
  })
  const [proof, setProof] = useState<File | undefined>(undefined)
  const [editing, setEditing] = useState<Title | 'new' | undefined>(undefined)
  const [mistakes, setMistakes] = useState<Mistake[]>([])
  const [refused, setRefused] = useState(false) // by the server
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const items = titles.data?.items

  // The first title, or the one of the rejected application, is chosen already.
  useEffect(() => {
    if (!items || items.some((t) => t.id === form.title)) return
    const same = items.find((t) => t.tax_number === found.title?.tax_number) ?? items[0]
    if (same) change({ title: same.id })
  }, [items])

  const check = (): Mistake[] => {
    const out: Mistake[] = []
    const need = (field: string, bad: boolean, say: () => string) => bad && out.push(mistake(field, say))
    need('invoice-titles', !items?.some((t) => t.id === form.title), () => v('needTitle'))
    need('proof', found.prove && !proof, () => v('needProof'))
    need('phone', !form.phone.trim(), () => v('needPhone'))
    need('email', !form.email.trim(), () => v('needEmail'))
    need('email', form.email.trim() !== '' && !/^\S+@\S+\.\S+$/.test(form.email.trim()), () => v('badEmail'))
    if (form.medium === 'paper') {
      need('recipient', !form.recipient.trim(), () => v('needName'))
      need('address', !form.address.trim(), () => v('needAddress'))
    }
    return out
  }
  // At its field a mistake goes as it is mended; what the server has found stays until it is asked
  // again, and so does the summary, which must not take the focus while somebody types.
  const still = refused ? mistakes : check().filter((m) => mistakes.some((n) => n.field === m.field))
  const wrong = (field: string) => still.find((m) => m.field === field)?.text
  const apply = async () => {
    const bad = check()
    setRefused(false)
    setMistakes(bad)
    setProblem(undefined)
    if (bad.length > 0) return
    setBusy(true)
    try {
      const url = `/v1/orders/${found.order.id}/invoice`
      const body: Record<string, string> = { title: form.title, content: form.content, medium: form.medium, phone: form.phone.trim(), email: form.email.trim() }
      if (form.medium === 'paper') Object.assign(body, { recipient: form.recipient.trim(), address: form.address.trim() })
      if (found.prove && proof) {
        const bytes = new Uint8Array(await proof.arrayBuffer())
        const file = await call<{ id: string }>('POST', `${url}/proof${query({ name: proof.name })}`, { body: bytes, headers: { 'Content-Type': 'application/octet-stream' }, timeoutMs: 120_000 })
        body['proof'] = file.id
      }
      const after = await call<InvoiceCase>('POST', url, { body })
      clear()
      onDone(after)
    } catch (e) {
      const p = asProblem(e)
      const places = p.fields.map((f) => ({ field: f.pointer.slice(1), text: f.detail }))
      if (p.code === 'invoice_form_invalid' && places.length > 0) {
        setMistakes(places)
        setRefused(true)
      } else setProblem(p)
    }
    setBusy(false)
  }

  return (
    <form
      class="stack"
      onSubmit={(e) => {
        e.preventDefault()
        void apply()
      }}
    >
      <ErrorSummary mistakes={mistakes} />
      <section class="card card-padded stack" aria-labelledby="invoice-info">
        <h2 id="invoice-info">{v('info')}</h2>
        <dl class="order-facts">
          <div>
            <dt>{v('titleType')}</dt>
            <dd lang="zh-CN">企业</dd>
          </div>
          <div>
            <dt>{v('invoiceType')}</dt>
            <dd lang="zh-CN">电子增值税普通发票</dd>
          </div>
        </dl>
        <Choices
          name="content"
          legend={v('content')}
          columns="two"
          value={form.content}
          onChange={(content) => change({ content: content as Draft['content'] })}
          options={[
            { value: 'detail', title: v('detail'), testid: 'content-detail' },
            { value: 'category', title: v('category'), testid: 'content-category' },
          ]}
        />
        {!items ? (
          titles.problem ? (
            <ProblemNote problem={titles.problem} onRetry={titles.reload} retryText={w('reload')} />
          ) : (
            <Waiting />
          )
        ) : (
          <TitleTable items={items} chosen={form.title} error={wrong('invoice-titles')} onChoose={(title) => change({ title })} onEdit={setEditing} />
        )}
        <div class="row">
          <Button testid="title-add" off={!items || items.length >= 5} describedBy="title-most" onClick={() => setEditing('new')}>
            {v('add')}
          </Button>
          <span id="title-most" class="small muted">
            {v('addMost')}
          </span>
        </div>
      </section>
      {found.prove && (
        <section class="card card-padded" aria-label={v('proof')}>
          <FileInput
            id="proof"
            label={v('proof')}
            hint={v('proofHint')}
            error={wrong('proof')}
            accept=".pdf,.jpg,.jpeg,.png"
            file={proof}
            onFile={(f) => setProof(f && f.size <= most ? f : undefined)}
            testid="invoice-proof"
          />
        </section>
      )}
      <section class="card card-padded stack" aria-labelledby="invoice-receive">
        <h2 id="invoice-receive">{v('receive')}</h2>
        <Choices
          name="medium"
          legend={v('medium')}
          columns="two"
          value={form.medium}
          onChange={(medium) => change({ medium: medium as Draft['medium'] })}
          options={[
            { value: 'electronic', title: v('electronic'), note: v('electronicNote'), testid: 'medium-electronic' },
            { value: 'paper', title: v('paper'), note: v('paperNote'), testid: 'medium-paper' },
          ]}
        />
        <div class="invoice-fields">
          <Field id="phone" label={v('rPhone')} value={form.phone} onInput={(phone) => change({ phone })} error={wrong('phone')} maxLength={20} autocomplete="tel" testid="invoice-phone" />
          <Field
            id="email"
            label={v('rEmail')}
            hint={v('rEmailHint')}
            value={form.email}
            onInput={(email) => change({ email })}
            error={wrong('email')}
            maxLength={120}
            autocomplete="email"
            testid="invoice-email"
          />
          {form.medium === 'paper' && (
            <>
              <Field id="recipient" label={v('rName')} value={form.recipient} onInput={(recipient) => change({ recipient })} error={wrong('recipient')} maxLength={50} autocomplete="name" testid="invoice-name" />
              <Field
                id="address"
                label={v('rAddress')}
                value={form.address}
                onInput={(address) => change({ address })}
                error={wrong('address')}
                maxLength={200}
                autocomplete="street-address"
                testid="invoice-address"
              />
            </>
          )}
        </div>
        {problem && <ProblemNote problem={problem} />}
        <div class="row">
          <Button submit kind="primary" size="large" busy={busy} testid="invoice-apply">
            {busy ? v('applying') : v('apply')}
          </Button>
          <span class="small muted">{v('draftKept')}</span>
        </div>
      </section>
      {editing && (
        <TitleDialog
          title={editing === 'new' ? undefined : editing}
          onClose={() => setEditing(undefined)}
          onSaved={(t) => {
            setEditing(undefined)
            if (t) change({ title: t.id })
            titles.reload()
          }}
        />
      )}
    </form>
  )
}
