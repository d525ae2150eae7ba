// 填写资料: saved as it is typed, checked while it is typed; after a rejection with
// each reason at its field.
import { useState } from 'preact/hooks'
import { visible } from '../../shared/format'
import { type Problem, asProblem } from '../../shared/problem'
import { Button, Choices, ErrorSummary, Field, type Mistake, mistake, Note, ProblemNote, announce } from '../../shared/ui'
import { useBackOnline, useLoad } from '../load'
import { call } from '../state'
import { creditCodeDoubtful, mistakeOf, mistakesOf } from './checks'
import { TermsDialog } from './choose'
import type { StepProps } from './course'
import { type Application, type FieldName, type Offer, documents, fields, slots } from './model'
import { Papers } from './papers'
import { type Saving, useSaving } from './saving'
import { w } from '../words'
import { a, reasonText, subjectName } from './words'

const groups: { title: 'groupOrganisation' | 'groupHolder' | 'groupDelivery'; of: FieldName[] }[] = [
  { title: 'groupOrganisation', of: ['organisation', 'credit_code'] },
  { title: 'groupHolder', of: ['holder', 'document', 'id_number', 'mobile', 'email'] },
  { title: 'groupDelivery', of: ['recipient', 'recipient_mobile', 'address'] },
]

function hintOf(name: FieldName, x: Application): string | undefined {
  switch (name) {
    case 'organisation':
    case 'credit_code':
      return a('organisationHint')
    case 'holder':
      return a(x.medium === 'mobile' ? 'holderHint' : 'holderHintUkey')
    case 'mobile':
      return a('mobileHint')
    case 'address':
      return a('addressHint')
  }
  return undefined
}

export function FormStep({ x, onChange }: StepProps) {
  const saving = useSaving(x, onChange)
  // A field is judged when it was left once; all of them when it is handed in.
  const [left, setLeft] = useState<Partial<Record<FieldName, boolean>>>({})
  const [mistakes, setMistakes] = useState<Mistake[]>([])
  const [reading, setReading] = useState(false)
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const asked = mistakes.length > 0
  useBackOnline(() => setProblem((p) => (p?.code === 'offline' ? undefined : p)))

  const errorOf = (name: FieldName): string | undefined => {
    const wrong = mistakeOf(name, saving.form, x.medium, asked)
    if (wrong && (asked || left[name])) return wrong
    const reason = x.reasons.find((r) => r.field === name)
    return reason && saving.form[name] === x.form[name] ? a('whyNot', { reason: reasonText(reason) }) : undefined
  }

  const submit = async (e: Event) => {
    e.preventDefault()
    if (busy) return
    const { form } = saving
    const wrong: Mistake[] = mistakesOf(form, x.medium).map(({ field }) =>
      mistake(`f-${field}`, () => {
        const text = mistakeOf(field, form, x.medium, true)
        return form[field].trim() === '' ? text : w('named', { name: a(field), text }) // what is missing names itself
      }),
    )
    for (const slot of slots) if (!x.files.some((f) => f.slot === slot)) wrong.push(mistake(`file-${slot}`, () => a('missingFile', { slot: a(slot) })))
    setMistakes(wrong)
    if (wrong.length > 0) return
    setBusy(true)
    setProblem(undefined)
    if (await saving.flush()) {
      try {
        const newest = await call<Application>('GET', `/v1/applications/${x.id}`)
        onChange(await call<Application>('POST', `/v1/applications/${x.id}/submit`, { body: { edit: newest.edit } }))
        return
      } catch (err) {
        const p = asProblem(err)
        setProblem(p)
        if (p.fields.length > 0) setMistakes(p.fields.map((f) => mistake(fieldId(f.pointer), () => w('named', { name: subjectName(f.pointer.slice(1)), text: f.detail }))))
        if (p.code === 'terms_changed') setReading(true)
      }
    }
    setBusy(false)
  }
  return (
    <form class="card card-padded stack application-form" onSubmit={(e) => void submit(e)} noValidate>
      <div class="row-between">
        <h2>{a('stepForm')}</h2>
        <SavingNote saving={saving} />
      </div>
      {x.state === 'rejected' && <Rejected x={x} />}
      {x.terms_now && (
        <Note tone="warn" title={a('termsChanged')} testid="terms-changed">
          <p>{a('termsChangedText')}</p>
          <Button size="small" onClick={() => setReading(true)}>
            {a('readTerms')}
          </Button>
        </Note>
      )}
      <Conflict saving={saving} />
      <ErrorSummary mistakes={mistakes} />
      {groups
        .filter((g) => x.medium === 'ukey' || g.title !== 'groupDelivery')
        .map((g) => (
          <fieldset key={g.title} class="form-group">
            <legend>{a(g.title)}</legend>
            {g.of.map((name) =>
              name === 'document' ? (
                <Choices
                  key={name}
                  name="f-document"
                  legend={a('document')}
                  hint={saving.form.document !== 'id_card' ? a('documentHint') : undefined}
                  columns="two"
                  value={saving.form.document}
                  error={errorOf('document')}
                  onChange={(v) => saving.type('document', v)}
                  options={documents.map((d) => ({ value: d, title: a(d) }))}
                />
              ) : (
                <div key={name} onFocusOut={() => setLeft((was) => ({ ...was, [name]: true }))}>
                  <Field
                    id={`f-${name}`}
                    label={a(name)}
                    value={saving.form[name]}
                    onInput={(v) => saving.type(name, v)}
                    hint={name === 'credit_code' && creditCodeDoubtful(saving.form.credit_code) ? <span class="doubt">{a('doubtfulCode')}</span> : hintOf(name, x)}
                    error={errorOf(name)}
                    inputMode={name === 'mobile' || name === 'recipient_mobile' ? 'numeric' : undefined}
                    maxLength={200}
                    testid={`field-${name}`}
                  />
                </div>
              ),
            )}
          </fieldset>
        ))}
      <Papers x={x} asked={asked} onChange={(now) => (saving.moved(now), onChange(now))} />
      {problem && mistakes.length === 0 && <ProblemNote problem={problem} />}
      <div class="row form-foot">
        <Button submit kind="primary" size="large" busy={busy} testid="submit-application">
          {x.state === 'rejected' ? a('resubmit') : a('submit')}
        </Button>
        <SavingNote saving={saving} />
      </div>
      {reading && <NewTerms x={x} onClose={() => setReading(false)} onChange={onChange} />}
    </form>
  )
}

const fieldId = (pointer: string) => (pointer.startsWith('/files/') ? `file-${pointer.slice(7)}` : `f-${pointer.slice(1)}`)

function SavingNote({ saving }: { saving: Saving }) {
  const text = saving.state === 'saved' ? a('saved') : saving.state === 'failed' ? a('notSaved') : saving.state === 'conflict' ? '' : a('saving')
  return (
    <span class={saving.state === 'failed' ? 'small doubt' : 'small muted'} data-testid="saving" data-state={saving.state}>
      {text}
    </span>
  )
}

function Conflict({ saving }: { saving: Saving }) {
  if (saving.state !== 'conflict') {
    return saving.state === 'failed' && saving.problem && !saving.problem.passing ? <ProblemNote problem={saving.problem} testid="save-problem" /> : null
  }
  return (
    <Note tone="warn" title={a('conflictTitle')} live testid="conflict">
      <p>{a('conflictText')}</p>
      <div class="row">
        <Button size="small" onClick={saving.keepMine} testid="keep-mine">
          {a('keepMine')}
        </Button>
        <Button size="small" onClick={saving.takeTheirs} testid="take-theirs">
          {a('takeTheirs')}
        </Button>
      </div>
    </Note>
  )
}

function Rejected({ x }: { x: Application }) {
  return (
    <Note tone="danger" title={a('rejectedTitle')} testid="rejected-reasons">
      <ul>
        {x.reasons.map((r) => (
          <li key={r.field + r.code}>
            {fields.includes(r.field as FieldName) || r.field.startsWith('files/') ? (
              <a
                href="#"
                onClick={(e) => {
                  e.preventDefault()
                  document.getElementById(fieldId(`/${r.field}`))?.focus()
                }}
              >
                {subjectName(r.field)}
              </a>
            ) : (
              subjectName(r.field)
            )}
            {w('named', { name: '', text: visible(reasonText(r)) })}
          </li>
        ))}
      </ul>
      <p class="small">{a('rejectedKept')}</p>
    </Note>
  )
}

function NewTerms({ x, onClose, onChange }: { x: Application; onClose: () => void; onChange: (x: Application) => void }) {
  const offer = useLoad((signal) => call<Offer>('GET', `/v1/products/${encodeURIComponent(x.product)}`, { signal }), [x.product])
  if (!offer.data) return null
  const present = offer.data
  return (
    <TermsDialog
      offer={present}
      onClose={onClose}
      onAgree={async () => {
        onChange(await call<Application>('POST', `/v1/applications/${x.id}/terms`, { body: { version: present.terms.version } }))
        announce(a('saved'))
        onClose()
      }}
    />
  )
}
