// What a reviewer brings back from the authority: a certificate, or its refusal.
import { useState } from 'preact/hooks'
import { visible } from '../../shared/format'
import { type Problem, asProblem } from '../../shared/problem'
import { Button, Dialog, ErrorSummary, Field, FileInput, type Mistake, mistake, ProblemNote, announce } from '../../shared/ui'
import type { CertificateRecord } from '../certificates/model'
import { call } from '../state'
import { w } from '../words'
import { s } from './words'

const largest = 32 << 10

// fileText reads PEM as it is, and anything else in base64.
export async function fileText(file: File): Promise<string> {
  const bytes = new Uint8Array(await file.arrayBuffer())
  // Byte for byte: a decoder's latin1 is windows-1252, which btoa does not take.
  const text = Array.from(bytes, (b) => String.fromCharCode(b)).join('')
  if (/^[\x09\x0a\x0d\x20-\x7e]*$/.test(text)) return text.replace(/\r\n?/g, '\n').trim()
  return btoa(text)
}

interface Props {
  record: CertificateRecord
  onClose: () => void
  onDone: () => void
}

export function UploadDialog(p: Props) {
  const [files, setFiles] = useState<Record<string, File | undefined>>({})
  const [mistakes, setMistakes] = useState<Mistake[]>([])
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const holder = visible(p.record.holder_name)

  const send = async () => {
    const { certificate, pair, envelope } = files
    const wrong: Mistake[] = []
    if (!certificate) wrong.push(mistake('certificate', () => s('needFile')))
    if (!pair !== !envelope) wrong.push(mistake(pair ? 'envelope' : 'pair', () => s('needBoth')))
    for (const [field, f] of Object.entries(files)) if (f && f.size > largest) wrong.push({ field, text: s('tooLarge') })
    setMistakes(wrong)
    if (wrong.length > 0 || !certificate) return
    setBusy(true)
    setProblem(undefined)
    try {
      const body = {
        certificate: await fileText(certificate),
        ...(pair ? { encryption_certificate: await fileText(pair) } : {}),
        ...(envelope ? { envelope: await fileText(envelope) } : {}),
      }
      await call('POST', `/v1/issuing/${encodeURIComponent(p.record.id)}/certificate`, { body })
      announce(s('uploadDone', { holder }))
      p.onDone()
    } catch (e) {
      setProblem(asProblem(e))
      setBusy(false)
    }
  }

  const chooser = (name: string, label: string) => (
    <FileInput id={name} label={label} error={mistakes.find((x) => x.field === name)?.text} file={files[name]} onFile={(file) => setFiles({ ...files, [name]: file })} testid={`file-${name}`} />
  )
  return (
    <Dialog title={s('uploadOf', { holder })} onClose={busy ? undefined : p.onClose} testid="upload-dialog">
      <div class="stack">
        <p>{s('uploadLead')}</p>
        <ErrorSummary mistakes={mistakes} />
        {chooser('certificate', s('file'))}
        {chooser('pair', s('pair'))}
        {chooser('envelope', s('envelope'))}
        {problem && (
          <ProblemNote problem={problem} meaning={s('uploadFailed')}>
            {problem.fields.length > 0 && (
              <ul>
                {problem.fields.map((x) => (
                  <li key={x.pointer}>{visible(x.detail)}</li>
                ))}
              </ul>
            )}
          </ProblemNote>
        )}
      </div>
      <div class="dialog-foot">
        <Button onClick={p.onClose} off={busy}>
          {w('cancel')}
        </Button>
        <Button kind="primary" busy={busy} onClick={() => void send()} testid="upload-confirm">
          {s('upload')}
        </Button>
      </div>
    </Dialog>
  )
}

export function DeclineDialog(p: Props) {
  const [reason, setReason] = useState('')
  const [missing, setMissing] = useState(false)
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const holder = visible(p.record.holder_name)
  const send = async () => {
    setMissing(reason.trim().length < 2)
    if (reason.trim().length < 2) return
    setBusy(true)
    setProblem(undefined)
    try {
      await call('POST', `/v1/issuing/${encodeURIComponent(p.record.id)}/decline`, { body: { reason } })
      announce(s('declineDone', { holder }))
      p.onDone()
    } catch (e) {
      setProblem(asProblem(e))
      setBusy(false)
    }
  }
  return (
    <Dialog title={s('declineOf', { holder })} narrow onClose={busy ? undefined : p.onClose} testid="decline-dialog">
      <div class="stack">
        <p>{s('declineLead')}</p>
        <Field id="reason" label={s('reason')} value={reason} onInput={setReason} maxLength={200} error={missing ? s('needReason') : undefined} testid="decline-reason" />
        {problem && <ProblemNote problem={problem} meaning={s('declineFailed')} />}
      </div>
      <div class="dialog-foot">
        <Button onClick={p.onClose} off={busy}>
          {w('cancel')}
        </Button>
        <Button kind="danger" busy={busy} onClick={() => void send()} testid="decline-confirm">
          {s('decline')}
        </Button>
      </div>
    </Dialog>
  )
}
