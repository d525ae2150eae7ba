// The organisation's saved titles, up to five: one is chosen, each can be edited.
import { useState } from 'preact/hooks'
import { type Problem, asProblem } from '../../shared/problem'
import { Button, Dialog, ErrorSummary, Field, type Mistake, mistake, ProblemNote } from '../../shared/ui'
import { useDraft } from '../draft'
import { call } from '../state'
import { w } from '../words'
import type { Title } from './model'
import { v } from './words'

interface TableProps {
  items: Title[]
  chosen: string
  error?: string
  onChoose: (id: string) => void
  onEdit: (t: Title) => void
}

const columns = ['titleName', 'taxNumber', 'address', 'phone', 'bank', 'account'] as const

export function TitleTable(p: TableProps) {
  if (p.items.length === 0) {
    return (
      <p id="invoice-titles" tabIndex={-1} class={p.error ? 'field-error' : 'muted'}>
        {p.error ?? v('noTitles')}
      </p>
    )
  }
  return (
    <div class="table-box" id="invoice-titles" tabIndex={-1} role="group" aria-label={v('titleName')}>
      {p.error && <p class="field-error">{p.error}</p>}
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{v('choose')}</th>
            {columns.map((k) => (
              <th key={k} scope="col">
                {k === 'titleName' || k === 'taxNumber' ? '* ' : ''}
                {v(k)}
              </th>
            ))}
            <th scope="col">{v('acts')}</th>
          </tr>
        </thead>
        <tbody>
          {p.items.map((t) => (
            <tr key={t.id} data-testid="title-row">
              <td data-label={v('choose')}>
                <input type="radio" class="title-radio" name="title" value={t.id} checked={p.chosen === t.id} aria-label={t.name} data-testid="title-radio" onChange={() => p.onChoose(t.id)} />
              </td>
              <td data-label={v('titleName')}>{t.name}</td>
              <td class="nums" data-label={v('taxNumber')}>
                {t.tax_number}
              </td>
              <td data-label={v('address')}>{t.address || '-'}</td>
              <td class="nums" data-label={v('phone')}>
                {t.phone || '-'}
              </td>
              <td data-label={v('bank')}>{t.bank || '-'}</td>
              <td class="nums" data-label={v('account')}>
                {t.account || '-'}
              </td>
              <td data-label={v('acts')}>
                <div class="acts">
                  <Button kind="quiet" size="small" testid="title-edit" onClick={() => p.onEdit(t)}>
                    {v('edit')}
                  </Button>
                </div>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

const empty = { name: '', tax_number: '', address: '', phone: '', bank: '', account: '' }

// onSaved without a title: it was removed.
export function TitleDialog({ title, onClose, onSaved }: { title?: Title; onClose: () => void; onSaved: (t?: Title) => void }) {
  const [form, change, clear] = useDraft(`invoice-title-${title?.id ?? 'new'}`, { ...empty, ...(title && { ...title, id: undefined }) })
  const [mistakes, setMistakes] = useState<Mistake[]>([])
  const [sure, setSure] = useState(false)
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const wrong = (field: string) => mistakes.find((m) => m.field === `t-${field}`)?.text
  const act = async (work: () => Promise<Title | undefined>) => {
    setBusy(true)
    setProblem(undefined)
    try {
      const t = await work()
      clear()
      onSaved(t)
    } catch (e) {
      const p = asProblem(e)
      if (p.code === 'invoice_form_invalid') setMistakes(p.fields.map((f) => ({ field: `t-${f.pointer.slice(1)}`, text: f.detail })))
      else setProblem(p)
      setBusy(false)
    }
  }
  const save = () => {
    const tax = form.tax_number.replace(/\s/g, '').toUpperCase()
    const bad: Mistake[] = []
    if (!form.name.trim()) bad.push(mistake('t-name', () => v('needTitleName')))
    if (!tax) bad.push(mistake('t-tax_number', () => v('needTax')))
    else if (!/^[0-9A-Z]{15,20}$/.test(tax)) bad.push(mistake('t-tax_number', () => v('badTax')))
    setMistakes(bad)
    if (bad.length > 0) return
    const body = { name: form.name.trim(), tax_number: tax, address: form.address.trim(), phone: form.phone.trim(), bank: form.bank.trim(), account: form.account.trim() }
    void act(() => (title ? call<Title>('PUT', `/v1/invoice-titles/${title.id}`, { body }) : call<Title>('POST', '/v1/invoice-titles', { body })))
  }
  const field = (name: keyof typeof empty, label: string, most: number, need = false) => (
    <Field
      id={`t-${name}`}
      label={need ? label : `${label} (${v('optional')})`}
      value={form[name]}
      onInput={(value) => change({ [name]: value })}
      error={wrong(name)}
      maxLength={most}
      autofocus={name === 'name'}
      testid={`title-${name}`}
    />
  )
  return (
    <Dialog title={title ? v('editTitle') : v('addTitle')} onClose={onClose} testid="title-dialog">
      <form
        class="stack"
        onSubmit={(e) => {
          e.preventDefault()
          save()
        }}
      >
        <ErrorSummary mistakes={mistakes} />
        <div class="invoice-fields">
          {field('name', v('titleName'), 100, true)}
          {field('tax_number', v('taxNumber'), 24, true)}
          {field('address', v('address'), 120)}
          {field('phone', v('phone'), 20)}
          {field('bank', v('bank'), 100)}
          {field('account', v('account'), 40)}
        </div>
        {problem && <ProblemNote problem={problem} />}
        {sure && <p role="alert">{v('removeSure')}</p>}
        <div class="row">
          <Button submit kind="primary" busy={busy} testid="title-save">
            {v('save')}
          </Button>
          {title && (
            <Button
              kind="quiet-danger"
              testid="title-remove"
              onClick={() => {
                if (!sure) setSure(true)
                else void act(() => call<undefined>('DELETE', `/v1/invoice-titles/${title.id}`))
              }}
            >
              {v('remove')}
            </Button>
          )}
          <Button onClick={onClose}>{w('cancel')}</Button>
        </div>
      </form>
    </Dialog>
  )
}
