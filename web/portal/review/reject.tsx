// Reasons, each at the field that it is about.
import { useState } from 'preact/hooks'
import { Button, ErrorSummary, Field, type Mistake, mistake } from '../../shared/ui'
import { type Application, type Reason, fields, slots } from '../apply/model'
import { a, subjectName } from '../apply/words'
import { useDraft } from '../draft'
import { w } from '../words'
import { Picker } from '../picker'
import { r } from './words'

const codes = ['unreadable', 'expired', 'differs', 'incomplete', 'no_seal', 'wrong_paper', 'not_found'] as const
const most = 20

interface Props {
  x: Application
  busy: boolean
  off: boolean
  onCancel: () => void
  onReject: (reasons: Reason[]) => void
}

export function RejectForm({ x, busy, off, onCancel, onReject }: Props) {
  const [draft, change, clear] = useDraft<{ reasons: Reason[] }>(`reject-${x.id}-${x.submitted}`, { reasons: [{ field: '', code: '', text: '' }] })
  const [mistakes, setMistakes] = useState<Mistake[]>([])
  const subjects = [...fields.filter((f) => x.form[f] !== ''), ...slots.map((s) => `files/${s}`), 'identity', 'other']
  const set = (i: number, part: Partial<Reason>) => change({ reasons: draft.reasons.map((y, n) => (n === i ? { ...y, ...part } : y)) })
  const mistakeOf = (i: number) => mistakes.find((m) => m.field.endsWith(`-${i}`))?.text
  const send = (e: Event) => {
    e.preventDefault()
    if (busy || off) return
    const wrong: Mistake[] = []
    draft.reasons.forEach((y, i) => {
      if (!y.field || !y.code) wrong.push(mistake(y.field ? `reason-code-${i}` : `reason-field-${i}`, () => w('named', { name: r('reasonN', { n: i + 1 }), text: r('needReason') })))
      else if (y.code === 'other' && !y.text?.trim()) wrong.push(mistake(`reason-text-${i}`, () => w('named', { name: r('reasonN', { n: i + 1 }), text: r('needText') })))
    })
    setMistakes(wrong)
    if (wrong.length > 0) return
    onReject(draft.reasons.map((y) => ({ field: y.field, code: y.code, text: y.text?.trim() ?? '' })))
    clear()
  }
  return (
    <form class="card card-padded stack" onSubmit={send} data-testid="reject-form" noValidate>
      <h2>{r('rejectTitle')}</h2>
      <p>{r('rejectText')}</p>
      <ErrorSummary mistakes={mistakes} />
      {draft.reasons.map((y, i) => (
        <fieldset key={i} class="case-reason">
          <legend>{r('reasonN', { n: i + 1 })}</legend>
          <Picker
            id={`reason-field-${i}`}
            label={r('reasonField')}
            value={y.field}
            error={mistakeOf(i)}
            onChange={(field) => set(i, { field })}
            options={[{ value: '', title: r('choose') }, ...subjects.map((s) => ({ value: s, title: subjectName(s) }))]}
          />
          <Picker
            id={`reason-code-${i}`}
            label={r('reasonCode')}
            value={y.code}
            onChange={(code) => set(i, { code })}
            options={[{ value: '', title: r('choose') }, ...codes.map((c) => ({ value: c, title: a(c) })), { value: 'other', title: r('codeOther') }]}
          />
          <Field id={`reason-text-${i}`} label={r('reasonText')} hint={r('reasonTextHint')} value={y.text ?? ''} onInput={(text) => set(i, { text })} maxLength={500} testid={`reason-text-${i}`} />
          {draft.reasons.length > 1 && (
            <Button size="small" kind="quiet" onClick={() => change({ reasons: draft.reasons.filter((_, n) => n !== i) })}>
              {r('removeReason')}
            </Button>
          )}
        </fieldset>
      ))}
      <div class="row">
        {draft.reasons.length < most && (
          <Button size="small" onClick={() => change({ reasons: [...draft.reasons, { field: '', code: '', text: '' }] })} testid="add-reason">
            {r('addReason')}
          </Button>
        )}
      </div>
      <div class="case-decision">
        <Button onClick={onCancel} off={busy}>
          {w('cancel')}
        </Button>
        <Button submit kind="danger" size="large" busy={busy} off={off} testid="reject-confirm">
          {r('reject')}
        </Button>
      </div>
    </form>
  )
}
