// 附件: the papers that go with the form.
import { useRef, useState } from 'preact/hooks'
import { visible } from '../../shared/format'
import { type Problem, asProblem } from '../../shared/problem'
import { Button, FileButton, Icon, ProblemNote, announce } from '../../shared/ui'
import { useBackOnline } from '../load'
import { call, download } from '../state'
import { type Application, type Slot, slots } from './model'
import { a, reasonText } from './words'

const largest = 10 << 20

interface PapersProps {
  x: Application
  asked: boolean // it was tried to hand the form in: what is missing is marked
  onChange: (x: Application) => void
}

type InTurn = (work: () => Promise<Application>) => Promise<Application>

export function Papers({ x, asked, onChange }: PapersProps) {
  // Each answer tells of all papers: two at a time could come in the other order, and
  // the older one would take a paper off the page.
  const last = useRef<Promise<unknown>>(Promise.resolve())
  const inTurn: InTurn = (work) => {
    const mine = last.current.then(work)
    last.current = mine.catch(() => {})
    return mine
  }
  return (
    <fieldset class="form-group">
      <legend>{a('groupFiles')}</legend>
      <p class="hint">{a('fileHint')}</p>
      {slots.map((slot) => (
        <PaperField key={slot} x={x} slot={slot} asked={asked} onChange={onChange} inTurn={inTurn} />
      ))}
    </fieldset>
  )
}

function PaperField({ x, slot, asked, onChange, inTurn }: PapersProps & { slot: Slot; inTurn: InTurn }) {
  const [busy, setBusy] = useState(false)
  const [tooLarge, setTooLarge] = useState(false)
  // What could not be sent, to be sent again: by itself when the network is back.
  const [kept, setKept] = useState<File | undefined>(undefined)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const there = x.files.find((f) => f.slot === slot)
  const wrong = tooLarge ? a('fileTooLarge') : asked && !there && !busy && !problem ? a('missingFile', { slot: a(slot) }) : ''
  const reason = x.reasons.find((r) => r.field === `files/${slot}`)
  const url = `/v1/applications/${x.id}/files/${slot}`
  const act = async (work: () => Promise<Application>, file?: File) => {
    setBusy(true)
    setProblem(undefined)
    setTooLarge(false)
    setKept(undefined)
    try {
      onChange(await inTurn(work))
    } catch (e) {
      const p = asProblem(e)
      setProblem(p)
      if (p.passing) setKept(file)
    }
    setBusy(false)
  }
  const put = (file: File) =>
    act(async () => {
      const body = new Uint8Array(await file.arrayBuffer())
      const now = await call<Application>('PUT', `${url}?name=${encodeURIComponent(file.name.slice(-200))}`, {
        body,
        headers: { 'Content-Type': 'application/octet-stream' },
        timeoutMs: 120_000,
      })
      announce(a('uploaded', { slot: a(slot) }))
      return now
    }, file)
  useBackOnline(() => kept && put(kept))
  return (
    <div class="paper" data-testid={`paper-${slot}`} data-there={there ? 'true' : 'false'}>
      <label for={`file-${slot}`}>{a(slot)}</label>
      {reason && !busy && <span class="field-error">{a('whyNot', { reason: reasonText(reason) })}</span>}
      {wrong && (
        <span class="field-error" id={`file-${slot}-error`}>
          {wrong}
        </span>
      )}
      {there && (
        <span class="paper-name">
          <Icon name="certificate" />
          <span>{visible(there.name)}</span> <span class="muted small nums">{a('sizeKB', { n: Math.max(1, Math.round(there.size / 1024)) })}</span>
        </span>
      )}
      {problem && (
        <ProblemNote problem={problem} onRetry={kept && (() => void put(kept))}>
          {typeof problem.extra['accepted'] === 'string' && <p>{problem.extra['accepted']}</p>}
        </ProblemNote>
      )}
      <div class="row">
        <FileButton
          id={`file-${slot}`}
          accept=".pdf,.jpg,.jpeg,.png,application/pdf,image/jpeg,image/png"
          testid={`file-${slot}`}
          off={busy}
          invalid={wrong !== ''}
          describedBy={wrong ? `file-${slot}-error` : undefined}
          text={there && a('replaceFile')}
          onFile={(file) => {
            if (!file) return
            if (file.size > largest) setTooLarge(true)
            else void put(file)
          }}
        />
        {busy && <span class="muted small">{a('uploading')}</span>}
        {there && (
          <>
            <Button size="small" kind="quiet" label={a('downloadOf', { slot: a(slot) })} onClick={() => void download(url, there.name).catch((e: unknown) => setProblem(asProblem(e)))}>
              {a('download')}
            </Button>
            <Button size="small" kind="quiet-danger" off={busy} label={a('removeFileOf', { slot: a(slot) })} onClick={() => void act(() => call<Application>('DELETE', url))}>
              {a('removeFile')}
            </Button>
          </>
        )}
      </div>
    </div>
  )
}
