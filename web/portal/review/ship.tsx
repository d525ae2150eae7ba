// A U-Key that was made: its certificate, and how it goes to its holder.
import { useState } from 'preact/hooks'
import { visible } from '../../shared/format'
import { type Problem, asProblem } from '../../shared/problem'
import { Button, Choices, ErrorSummary, Field, FileInput, type Mistake, mistake, ProblemNote, announce } from '../../shared/ui'
import type { Application } from '../apply/model'
import { fileText } from '../issuing/upload'
import { call } from '../state'
import { r } from './words'

const largest = 32 << 10

export function ShipForm({ x, path, onChange }: { x: Application; path: string; onChange: (x: Application) => void }) {
  const [file, setFile] = useState<File | undefined>(undefined)
  const [delivery, setDelivery] = useState('courier')
  const [carrier, setCarrier] = useState('')
  const [number, setNumber] = useState('')
  const [mistakes, setMistakes] = useState<Mistake[]>([])
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const errorOf = (field: string) => mistakes.find((m) => m.field === field)?.text
  const send = async (e: Event) => {
    e.preventDefault()
    if (busy) return
    const wrong: Mistake[] = []
    if (!file) wrong.push(mistake('ship-file', () => r('needFile')))
    else if (file.size > largest) wrong.push(mistake('ship-file', () => r('fileTooLarge')))
    if (delivery === 'courier' && !carrier.trim()) wrong.push(mistake('ship-carrier', () => r('needCarrier')))
    if (delivery === 'courier' && !number.trim()) wrong.push(mistake('ship-number', () => r('needNumber')))
    setMistakes(wrong)
    if (wrong.length > 0 || !file) return
    setBusy(true)
    setProblem(undefined)
    try {
      const body = { certificate: await fileText(file), ...(delivery === 'courier' ? { carrier: carrier.trim(), number: number.trim() } : { carrier: 'pickup' }) }
      onChange(await call<Application>('POST', `${path}/ship`, { body }))
      announce(r('shipped'))
    } catch (err) {
      setProblem(asProblem(err))
      setBusy(false)
    }
  }
  return (
    <form class="card card-padded stack" onSubmit={(e) => void send(e)} data-testid="ship-form" noValidate>
      <h2>{r('ship')}</h2>
      <p>{r('shipText')}</p>
      <p class="app-address">
        {visible(x.form.recipient)} {visible(x.form.recipient_mobile)} {visible(x.form.address)}
      </p>
      <ErrorSummary mistakes={mistakes} />
      {problem && (
        <ProblemNote problem={problem}>
          {problem.fields.map((f) => (
            <p key={f.pointer}>{visible(f.detail)}</p>
          ))}
        </ProblemNote>
      )}
      <FileInput id="ship-file" label={r('certificateFile')} error={errorOf('ship-file')} accept=".cer,.crt,.pem,.der" file={file} onFile={setFile} testid="ship-file" />
      <Choices
        name="ship-delivery"
        legend={r('delivery')}
        columns="two"
        value={delivery}
        onChange={setDelivery}
        options={[
          { value: 'courier', title: r('courier') },
          { value: 'pickup', title: r('pickup'), testid: 'ship-pickup' },
        ]}
      />
      {delivery === 'courier' && (
        <>
          <Field id="ship-carrier" label={r('carrier')} hint={r('carrierHint')} value={carrier} onInput={setCarrier} error={errorOf('ship-carrier')} maxLength={20} testid="ship-carrier" />
          <Field id="ship-number" label={r('trackingNumber')} value={number} onInput={setNumber} error={errorOf('ship-number')} maxLength={40} testid="ship-number" />
        </>
      )}
      <div class="row">
        <Button submit kind="primary" size="large" busy={busy} testid="ship-confirm">
          {r('shipConfirm')}
        </Button>
      </div>
    </form>
  )
}
