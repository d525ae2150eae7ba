// A reviewer hands in the new certificate that an authority has sent.
import { useState } from 'preact/hooks'
import { visible } from '../../shared/format'
import { type Problem, asProblem } from '../../shared/problem'
import { Button, Dialog, ErrorSummary, type Mistake, mistake, Note, ProblemNote, announce } from '../../shared/ui'
import { fileText } from '../issuing/upload'
import { call } from '../state'
import { providerName, w } from '../words'
import type { Renewal } from './model'
import { v } from './reviewwords'

interface Props {
  renewal: Renewal
  onClose: () => void
  onDone: () => void
}

const largest = 32 << 10

export function HandInDialog(p: Props) {
  const n = p.renewal
  const holder = visible(n.certificate.holder_name)
  const again = n.state === 'extended'
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const [file, setFile] = useState<File | undefined>(undefined)
  const [mistakes, setMistakes] = useState<Mistake[]>([])
  const go = async () => {
    const wrong = !file ? 'needFile' : file.size > largest ? 'tooLarge' : undefined
    setMistakes(wrong ? [mistake('certificate', () => v(wrong))] : [])
    if (!file || wrong) return
    setBusy(true)
    setProblem(undefined)
    try {
      await call('POST', `/v1/renewals/${encodeURIComponent(n.id)}/certificate`, { body: { certificate: await fileText(file) } })
      announce(v('handedIn', { holder }))
      p.onDone()
    } catch (e) {
      setProblem(asProblem(e))
      setBusy(false)
    }
  }
  return (
    <Dialog title={v(again ? 'handInAgainOf' : 'handInOf', { holder })} onClose={busy ? undefined : p.onClose} testid="hand-in-dialog">
      <div class="stack">
        <p>{v('handInLead', { name: providerName(n.certificate.provider) })}</p>
        {again && (
          <Note tone="warn" testid="hand-in-again">
            <p>{v('againLead')}</p>
          </Note>
        )}
        <ErrorSummary mistakes={mistakes} />
        <div class="field">
          <label for="certificate">{v('file')}</label>
          <input id="certificate" class="input" type="file" data-testid="file-certificate" onChange={(e) => setFile(e.currentTarget.files?.[0])} />
        </div>
        {problem && <ProblemNote problem={problem} meaning={v('notSaved')} />}
      </div>
      <div class="dialog-foot">
        <Button onClick={p.onClose} off={busy}>
          {w('cancel')}
        </Button>
        <Button kind="primary" busy={busy} onClick={() => void go()} testid="hand-in-confirm">
          {v('handIn')}
        </Button>
      </div>
    </Dialog>
  )
}
