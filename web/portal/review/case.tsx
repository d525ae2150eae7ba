// One application on one screen: what was typed, with what has changed, beside
// the papers; the identity; what happened; and the decision, which can be undone
// for as long as the server says.
import { useEffect, useState } from 'preact/hooks'
import { date, dateTime, money, visible } from '../../shared/format'
import { either } from '../../shared/i18n'
import { type Problem, asProblem } from '../../shared/problem'
import { Blank, Button, Note, ProblemCode, ProblemNote, Waiting, announce } from '../../shared/ui'
import { Erased, History } from '../apply/course'
import { type Application, fields } from '../apply/model'
import { StateBadge } from '../apply/page'
import { a, reasonText, subjectName } from '../apply/words'
import { StateBadge as CertificateBadge } from '../certificates/page'
import { RevokeDialog } from '../certificates/revoke'
import { readDraft } from '../draft'
import { useLoad } from '../load'
import { go, href } from '../router'
import { call, useApp } from '../state'
import { Undo } from '../undo'
import { w } from '../words'
import { Papers } from './papers'
import { type QueuePage, type View, noFilter, queuePath, waitsName } from './queue'
import { RejectForm } from './reject'
import { ShipForm } from './ship'
import { r } from './words'

const renewEvery = 60_000

export function Case({ id }: { id: string }) {
  const path = `/v1/review/applications/${encodeURIComponent(id)}`
  const load = useLoad((signal) => call<Application>('GET', path, { signal }), [id])
  const [own, setOwn] = useState<Application | undefined>(undefined)
  const [held, setHeld] = useState<Problem | undefined>(undefined)
  useEffect(() => setOwn(undefined), [load.data])
  const x = own ?? load.data
  const reviewing = x?.state === 'review'

  const hold = async (over: boolean) => {
    try {
      await call('POST', `${path}/hold`, { body: over ? { take_over: true } : {} })
      setHeld(undefined)
    } catch (e) {
      const p = asProblem(e)
      if (p.code === 'application_held') setHeld(p)
    }
  }
  // That it is open here is noted while it is, and given up on leaving.
  useEffect(() => {
    if (!reviewing) return
    void hold(false)
    const timer = setInterval(() => void hold(false), renewEvery)
    return () => {
      clearInterval(timer)
      void call('DELETE', `${path}/hold`).catch(() => undefined)
    }
  }, [id, reviewing])

  return (
    <div class="stack page-body">
      <div class="row-between">
        <h1>{w('review')}</h1>
        <span class="row">
          <Next after={id} />
          <a class="button" href={href('review')} data-testid="back-to-queue">
            {r('backToQueue')}
          </a>
        </span>
      </div>
      {x ? (
        <Inside x={x} path={path} held={held} onTakeOver={() => void hold(true)} onChange={setOwn} reload={load.reload} />
      ) : load.problem ? (
        <section class="card">
          <Blank icon={load.problem.status === 404 ? 'search' : 'warn'} title={load.problem.title} testid="failed">
            <Button kind="primary" onClick={load.reload} testid="retry">
              {w('reload')}
            </Button>
            <ProblemCode problem={load.problem} />
          </Blank>
        </section>
      ) : (
        <Waiting testid="loading" />
      )}
    </div>
  )
}

// The one in the queue that has waited longest besides this.
function Next({ after }: { after: string }) {
  const [busy, setBusy] = useState(false)
  const next = async () => {
    setBusy(true)
    try {
      const page = await call<QueuePage>('GET', queuePath({ ...noFilter, ...readDraft<View>('review-queue') }, ''))
      const other = page.items.find((y) => y.id !== after && !y.decided && !y.held_by)
      if (other) go('review', other.id)
      else go('review')
    } catch {
      go('review') // which says what is wrong
    }
    setBusy(false)
  }
  return (
    <Button busy={busy} onClick={() => void next()} testid="next-case">
      {r('nextCase')}
    </Button>
  )
}

interface InsideProps {
  x: Application
  path: string
  held: Problem | undefined
  onTakeOver: () => void
  onChange: (x: Application) => void
  reload: () => void
}

function Inside({ x, path, held, onTakeOver, onChange, reload }: InsideProps) {
  const [busy, setBusy] = useState('')
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const [rejecting, setRejecting] = useState(false)
  const act = async (name: string, tail: string, body: unknown, said: string) => {
    setBusy(name)
    setProblem(undefined)
    try {
      onChange(await call<Application>('POST', `${path}/${tail}`, { body }))
      announce(said)
      setRejecting(false)
    } catch (e) {
      setProblem(asProblem(e))
    }
    setBusy('')
  }
  const list = (names: string[]) => names.map(subjectName).join(w('listSeparator'))
  const off = held !== undefined
  return (
    <>
      <header class="application-head">
        <div class="cell-stack">
          <strong class="application-name">
            {visible(x.holder)} · {either(x.product_name.zh, x.product_name.en)}
          </strong>
          <span class="cell-sub nums">
            {a('number')} {x.number}
            {x.waits_for && ` · ${r('waitsNow', { who: waitsName(x) })}`}
          </span>
        </div>
        <span data-testid="case-state" data-state={x.state}>
          <StateBadge state={x.state} />
        </span>
      </header>
      {held && (
        <Note tone="warn" title={r('held', { name: String(held.extra['by'] ?? '') })} live testid="held">
          <p>{r('heldText')}</p>
          <Button size="small" onClick={onTakeOver} testid="take-over">
            {r('takeOver')}
          </Button>
        </Note>
      )}
      <Erased x={x} />
      {x.changes && x.changes.length > 0 && (
        <Note testid="changes">
          <p>{r('changedTitle', { list: list(x.changes) })}</p>
        </Note>
      )}
      {x.differs && x.differs.length > 0 && (
        <Note tone="warn" testid="differs">
          <p>{r('differsTitle', { list: list(x.differs) })}</p>
        </Note>
      )}
      <div class="case">
        <section class="card card-padded stack" aria-labelledby="case-form">
          <h2 id="case-form">{r('form')}</h2>
          <FormFacts x={x} />
        </section>
        <section class="card card-padded stack" aria-labelledby="case-papers">
          <h2 id="case-papers">{r('papers')}</h2>
          <Papers x={x} path={path} />
        </section>
      </div>
      <IdentityFacts x={x} busy={busy === 'identity'} off={off} onConfirm={() => void act('identity', 'confirm-identity', { submission: x.submitted }, r('confirmed'))} />
      {problem && (
        <ProblemNote problem={problem} onRetry={reload} retryText={w('reload')}>
          {problem.fields.map((f) => (
            <p key={f.pointer}>{visible(f.detail)}</p>
          ))}
        </ProblemNote>
      )}
      {x.decision ? (
        <Decided x={x} busy={busy === 'undo'} onUndo={() => void act('undo', 'undo', {}, r('undone'))} onOver={reload} />
      ) : (
        x.state === 'review' &&
        (rejecting ? (
          <RejectForm x={x} busy={busy === 'reject'} off={off} onCancel={() => setRejecting(false)} onReject={(reasons) => void act('reject', 'reject', { submission: x.submitted, reasons }, r('rejected'))} />
        ) : (
          <div class="case-decision">
            <Button kind="danger" size="large" off={off} onClick={() => setRejecting(true)} testid="reject">
              {r('reject')}
            </Button>
            <Button kind="primary" size="large" off={off || !x.acts.includes('accept')} busy={busy === 'accept'} onClick={() => void act('accept', 'accept', { submission: x.submitted }, r('accepted'))} testid="accept">
              {r('accept')}
            </Button>
          </div>
        ))
      )}
      {x.acts.includes('ship') && <ShipForm x={x} path={path} onChange={onChange} />}
      {x.state === 'making' && x.medium === 'mobile' && (
        <Note>
          <p>{r('waitsPhone')}</p>
        </Note>
      )}
      {x.standing && <Standing x={x} reload={reload} />}
      <History x={x} />
    </>
  )
}

// How the certificate stands that it came to, and its end.
function Standing({ x, reload }: { x: Application; reload: () => void }) {
  const [revoking, setRevoking] = useState(false)
  const now = x.standing
  if (!now) return null
  return (
    <section class="card card-padded stack" aria-labelledby="case-certificate">
      <h2 id="case-certificate">{r('certificate')}</h2>
      <div class="row-between">
        <span class="row">
          <CertificateBadge state={now.state} />
          <span class="muted nums">{r('validUntil', { date: date(now.not_after) })}</span>
        </span>
        {now.state === 'active' && (
          <Button kind="quiet-danger" onClick={() => setRevoking(true)} testid="case-revoke">
            {r('revoke')}
          </Button>
        )}
      </div>
      {revoking && (
        <RevokeDialog
          id={now.certificate}
          holder={x.holder}
          staff
          onClose={() => setRevoking(false)}
          onDone={() => {
            setRevoking(false)
            reload()
          }}
        />
      )}
    </section>
  )
}

function FormFacts({ x }: { x: Application }) {
  return (
    <dl class="app-facts">
      {fields
        .filter((f) => x.form[f] !== '')
        .map((f) => {
          const changed = x.changes?.includes(f)
          const differs = x.differs?.includes(f)
          return (
            <div key={f} class={changed || differs ? 'fact-marked' : undefined}>
              <dt>
                {a(f)} {changed && <span class="badge badge-warn">{r('changed')}</span>} {differs && <span class="badge badge-warn">{r('differs')}</span>}
              </dt>
              <dd>{f === 'document' ? a(x.form.document as 'id_card') : visible(x.form[f])}</dd>
              {f === 'credit_code' && x.credit_code_doubtful && <dd class="small doubt">{r('doubtful')}</dd>}
            </div>
          )
        })}
      <div>
        <dt>{r('account')}</dt>
        <dd>
          {visible(x.account.name ?? '')}（{visible(x.account_organisation.name)}）
        </dd>
      </div>
      <div>
        <dt>{r('amount')}</dt>
        <dd>
          {x.amount_fen === 0 ? a('free') : money(x.amount_fen)} {x.paid_at && x.amount_fen > 0 && <span class="badge badge-good">{r('paid')}</span>}
        </dd>
      </div>
    </dl>
  )
}

function IdentityFacts({ x, busy, off, onConfirm }: { x: Application; busy: boolean; off: boolean; onConfirm: () => void }) {
  const p = x.identity
  const way = p.way === 'mail' ? r('identityMail') : p.way === 'onsite' ? r('identityOnsite') : p.verified_at ? r('identityFace') : '—'
  return (
    <section class="card card-padded stack" aria-labelledby="case-identity">
      <h2 id="case-identity">{r('identity')}</h2>
      <p>
        <strong>{way}</strong>{' '}
        {p.verified_at && (
          <span class="muted">
            {dateTime(p.verified_at)} {visible(p.verified_by?.name ?? '')}
          </span>
        )}
      </p>
      {!p.verified_at && x.state === 'review' && (
        <>
          <Note tone="warn">
            <p>{r('identityOpen')}</p>
            <p>{r('confirmText', { holder: visible(x.holder) })}</p>
          </Note>
          <div class="row">
            <Button busy={busy} off={off} onClick={onConfirm} testid="confirm-identity">
              {r('confirmIdentity')}
            </Button>
          </div>
        </>
      )}
    </section>
  )
}

// A decision until it counts.
function Decided({ x, busy, onUndo, onOver }: { x: Application; busy: boolean; onUndo: () => void; onOver: () => void }) {
  const { session } = useApp()
  const d = x.decision
  if (!d) return null
  return (
    <Note tone={d.accept ? 'good' : 'danger'} title={d.accept ? r('accepted') : r('rejected')} live testid="decided">
      {d.reasons?.map((y) => (
        <p key={y.field + y.code}>
          {w('named', { name: subjectName(y.field), text: visible(reasonText(y)) })}
        </p>
      ))}
      <Undo decision={{ due: d.due, mine: d.by.id === session?.account.id }} busy={busy} onUndo={onUndo} onOver={onOver} />
    </Note>
  )
}
