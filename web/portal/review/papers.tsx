// The papers beside the form. Pictures are drawn here; a PDF is downloaded, since
// nothing that was handed in is opened as a page of this site.
import { useEffect, useState } from 'preact/hooks'
import { visible } from '../../shared/format'
import { type Problem, asProblem, problemFrom } from '../../shared/problem'
import { raw } from '../../shared/api'
import { Button, Dialog, ProblemNote, Spinner } from '../../shared/ui'
import { type Application, type Paper, slots } from '../apply/model'
import { a } from '../apply/words'
import { download } from '../state'
import { w } from '../words'
import { r } from './words'

export function Papers({ x, path }: { x: Application; path: string }) {
  return (
    <div class="stack">
      {slots.map((slot) => {
        const paper = x.files.find((f) => f.slot === slot)
        return (
          <figure key={slot} class="case-paper" data-testid={`case-paper-${slot}`}>
            <figcaption>
              <strong>{a(slot)}</strong> {x.changes?.includes(`files/${slot}`) && <span class="badge badge-warn">{r('changed')}</span>}
            </figcaption>
            {paper ? <OnePaper key={paper.id} paper={paper} url={`${path}/files/${slot}`} /> : <p class="muted">{r('paperMissing')}</p>}
          </figure>
        )
      })}
    </div>
  )
}

function OnePaper({ paper, url }: { paper: Paper; url: string }) {
  const [src, setSrc] = useState('')
  const [large, setLarge] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const picture = paper.kind.startsWith('image/')
  useEffect(() => {
    if (!picture) return
    let made = ''
    let left = false
    void (async () => {
      try {
        const response = await raw('GET', url, { timeoutMs: 60_000 })
        if (!response.ok) throw await problemFrom(response)
        made = URL.createObjectURL(await response.blob())
        if (left) URL.revokeObjectURL(made)
        else setSrc(made)
      } catch (e) {
        if (!left) setProblem(asProblem(e))
      }
    })()
    return () => {
      left = true
      if (made) URL.revokeObjectURL(made)
    }
  }, [url, picture])
  const name = w('named', { name: a(paper.slot), text: visible(paper.name) })
  return (
    <>
      {problem && <ProblemNote problem={problem} meaning={r('paperFailed')} />}
      {picture && !problem && (
        <button type="button" class="case-picture" aria-label={r('zoom', { slot: a(paper.slot) })} onClick={() => setLarge(true)}>
          {src ? <img src={src} alt={name} /> : <Spinner />}
        </button>
      )}
      {!picture && <p class="muted">{r('pdf')}</p>}
      <div class="row">
        <span class="small muted">{visible(paper.name)}</span>
        <Button size="small" kind="quiet" label={r('openPaperOf', { slot: a(paper.slot) })} onClick={() => void download(url, paper.name).catch((e: unknown) => setProblem(asProblem(e)))}>
          {r('openPaper')}
        </Button>
      </div>
      {large && (
        <Dialog title={name} onClose={() => setLarge(false)}>
          <img class="case-large" src={src} alt={name} />
        </Dialog>
      )}
    </>
  )
}
