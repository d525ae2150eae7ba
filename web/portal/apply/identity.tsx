// 身份认证: by face, or by papers and on site where that does not work.
import { useEffect, useState } from 'preact/hooks'
import { visible } from '../../shared/format'
import { type Problem, asProblem } from '../../shared/problem'
import { Button, Choices, ErrorSummary, type Mistake, Note, ProblemNote, Waiting, mistake } from '../../shared/ui'
import { useLoad } from '../load'
import { call } from '../state'
import { w } from '../words'
import type { StepProps } from './course'
import type { Application, IdentityCheck } from './model'
import { a } from './words'

export function IdentityStep({ x, onChange }: StepProps) {
  const load = useLoad((signal) => call<IdentityCheck>('GET', `/v1/applications/${x.id}/identity`, { signal }), [x.id, x.identity.outcome])
  const [way, setWay] = useState('')
  const [mistakes, setMistakes] = useState<Mistake[]>([])
  const [busy, setBusy] = useState('')
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const [link, setLink] = useState('')
  const check = load.data
  const card = x.form.document === 'id_card'
  const offered = check?.face === true && card && check.left > 0
  useEffect(() => {
    if (check && way === '') setWay(offered ? 'face' : '')
  }, [check])
  const url = x.identity.outcome === 'pending' ? link || (check?.state === 'pending' ? (check.url ?? '') : '') : ''

  const run = async (name: string, work: () => Promise<void>) => {
    setBusy(name)
    setProblem(undefined)
    try {
      await work()
    } catch (e) {
      setProblem(asProblem(e))
      load.reload()
    }
    setBusy('')
  }
  const choose = () =>
    run('choose', async () => {
      const got = await call<IdentityCheck>('POST', `/v1/applications/${x.id}/identity`, { body: { way } })
      if (got.url) setLink(got.url)
      onChange(await call<Application>('GET', `/v1/applications/${x.id}`))
    })
  const look = () =>
    run('look', async () => {
      setLink('')
      onChange(await call<Application>('POST', `/v1/applications/${x.id}/identity/look`, { body: {} }))
      load.reload()
    })
  const reopen = () => run('reopen', async () => onChange(await call<Application>('POST', `/v1/applications/${x.id}/reopen`, { body: {} })))
  const faceNote = !check?.face ? a('faceNotOffered') : !card ? a('faceDocument') : check.left === 0 ? a('faceNone') : a('faceText', { left: check.left })

  return (
    <section class="card card-padded stack" aria-labelledby="identity">
      <h2 id="identity">{a('stepIdentity')}</h2>
      {check?.sandbox && (
        <Note tone="warn" testid="sandbox-note">
          <p>{a('sandbox')}</p>
        </Note>
      )}
      <Outcome x={x} open={url !== ''} />
      {problem && <ProblemNote problem={problem} />}
      {url ? (
        <div class="stack" data-testid="face-open">
          <Note title={a('facePending')}>
            <p>{a('facePendingText', { holder: visible(x.form.holder) })}</p>
          </Note>
          <div class="row">
            <a class="button button-primary button-large" href={url} target="_blank" rel="noopener" data-testid="face-link">
              {a('faceOpen')}
            </a>
            <Button busy={busy === 'look'} onClick={() => void look()} testid="face-look">
              {a('faceLook')}
            </Button>
          </div>
        </div>
      ) : check ? (
        <form
          class="stack"
          onSubmit={(e) => {
            e.preventDefault()
            setMistakes(way ? [] : [mistake('way', () => a('needWay'))])
            if (way && !busy) void choose()
          }}
        >
          <p>{a('identityLead', { holder: visible(x.form.holder) })}</p>
          <ErrorSummary mistakes={mistakes} />
          <Choices
            name="way"
            legend={a('wayLegend')}
            columns="one"
            value={way}
            error={mistakes[0]?.text}
            onChange={setWay}
            options={[
              { value: 'face', title: a(offered ? 'faceRecommended' : 'face'), note: faceNote, off: !offered, testid: 'way-face' },
              { value: 'mail', title: a('mail'), note: a('mailText'), testid: 'way-mail' },
              { value: 'onsite', title: a('onsite'), note: a('onsiteText'), testid: 'way-onsite' },
            ]}
          />
          <div class="row">
            <Button submit kind="primary" size="large" busy={busy === 'choose'} testid="choose-way">
              {way === 'face' ? a('startFace') : a('chooseWay')}
            </Button>
          </div>
        </form>
      ) : load.problem ? (
        <ProblemNote problem={load.problem} meaning={w('loadFailed')} onRetry={load.reload} />
      ) : (
        <Waiting />
      )}
      {x.acts.includes('reopen') && (
        <div class="row">
          <Button kind="quiet" busy={busy === 'reopen'} onClick={() => void reopen()} testid="reopen">
            {a('reopen')}
          </Button>
        </div>
      )}
    </section>
  )
}

// What the last check came to.
function Outcome({ x, open }: { x: Application; open: boolean }) {
  const said = { mismatched: ['faceMismatched', 'faceMismatchedText'], expired: ['faceExpired', 'faceExpiredText'], failed: ['faceFailed', 'faceFailedText'] } as const
  const outcome = x.identity.outcome
  if (open || !outcome || !(outcome in said)) return null
  const [title, text] = said[outcome as keyof typeof said]
  return (
    <Note tone={outcome === 'mismatched' ? 'danger' : 'warn'} title={a(title)} live testid="face-outcome">
      <p>{a(text)}</p>
    </Note>
  )
}
