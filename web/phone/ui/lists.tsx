// 待确认 and 记录.
import { useEffect, useState } from 'preact/hooks'
import { dateTime, minutesSeconds } from '../../shared/format'
import { asProblem, type Problem } from '../../shared/problem'
import { serverTime } from '../../shared/servertime'
import { Blank, Button, Icon, Note, ProblemNote, Waiting } from '../../shared/ui'
import { fromBase64url } from '../core/bytes'
import type { SessionRecord } from '../core/db'
import { over, type SessionSummary } from '../core/model'
import { readStatement } from '../core/statement'
import { t as confirmWords } from '../words/confirm'
import { t } from '../words/lists'
import { Head, Text, purposeWord, stateWord } from './bits'
import { Notices } from './notify'
import { go } from './route'
import { useLoad, useOnline, usePhone, useSecondsLeft, useWatched, useWhileSeen } from './use'

// One line, from what the server lists and what this phone remembers.
interface Line {
  id: string
  purpose: string
  state: string
  name: string
  at: number
  until: string | undefined
  here: SessionRecord | undefined
  word: string // how it stands
}

function lineOf(told: SessionSummary | undefined, here: SessionRecord | undefined): Line {
  const names = here && namesOf(here)
  const stamp = told?.scanned_at ?? told?.created_at
  // The phone knows it gave up waiting for an answer; the server knows the rest.
  const state = told?.state ?? stateHere(here!)
  const reason = told?.reason?.code ?? here?.view.reason?.code
  return {
    id: (told?.session ?? here?.session)!,
    purpose: told?.purpose ?? here!.purpose,
    state,
    name: told?.subject?.name ?? names ?? told?.actor?.name ?? '',
    at: stamp ? Date.parse(stamp) : (here?.startedAt ?? 0),
    until: told?.expires_at ?? here?.view.expires_at,
    here,
    word: reason === 'not_me' || here?.notMe === true ? confirmWords('reported') : reason === 'no_certificate' ? confirmWords('endedWithout') : stateWord(state),
  }
}

// Without the server's word: past its time and not signed, it is over.
function stateHere(r: SessionRecord): string {
  return !over(r.view.state) && !r.jws && Date.parse(r.view.expires_at) <= serverTime.now() ? 'expired' : r.view.state
}

function namesOf(r: SessionRecord): string | undefined {
  try {
    return r.view.statement && readStatement(fromBase64url(r.view.statement)).subject.name
  } catch {
    return undefined // a statement that this app refused is not quoted either
  }
}

export function InboxView() {
  const phone = usePhone()
  useWatched(phone)
  const told = useLoad(() => phone.inbox(), [])
  useWhileSeen(told.reload, 10_000)
  const ids = new Set([...phone.open.map((r) => r.session), ...(told.data ?? []).map((s) => s.session)])
  const lines = [...ids]
    .map((id) => lineOf(told.data?.find((s) => s.session === id), phone.open.find((r) => r.session === id)))
    .filter((l) => !over(l.state))
    .sort((a, b) => b.at - a.at)
  return (
    <section class="view">
      <Head title={t('inboxTitle')} />
      {told.problem && <ProblemNote problem={told.problem} onRetry={told.reload} />}
      {lines.length > 0 ? (
        <ul class="cards" role="list">
          {lines.map((l) => (
            <li key={l.id}>
              <InboxLine line={l} />
            </li>
          ))}
        </ul>
      ) : told.loading && !told.data ? (
        <Waiting text={t('loading')} />
      ) : told.problem ? null : (
        <Blank icon="inbox" title={t('inboxEmptyTitle')} testid="inbox-empty">
          <p>{t('inboxEmpty')}</p>
        </Blank>
      )}
      <Notices notices={phone.notices} />
    </section>
  )
}

// Beyond this a moment says more than a countdown.
const longer = 3600

function InboxLine({ line }: { line: Line }) {
  const left = useSecondsLeft(line.until)
  const inside = (
    <>
      <span class="card-top">
        <span class="card-title">{purposeWord(line.purpose)}</span>
        <span class="badge badge-accent nums">{line.here?.jws ? t('inboxSigned') : left > longer ? t('inboxUntil', { time: dateTime(line.until!) }) : t('inboxLeft', { time: minutesSeconds(left) })}</span>
      </span>
      {line.name && <Text class="card-line">{t('forWhom', { name: line.name })}</Text>}
    </>
  )
  if (!line.here) {
    return (
      <div class="card" data-testid="inbox-item">
        {inside}
        <span class="card-line muted">{t('inboxElsewhere')}</span>
      </div>
    )
  }
  return (
    <a class="card" href={`#/session/${encodeURIComponent(line.id)}`} data-testid="inbox-item">
      {inside}
      <span class="card-foot">
        <span>{dateTime(line.at)}</span>
        <span class="card-go">
          {t('open')} <Icon name="chevron" />
        </span>
      </span>
    </a>
  )
}

export function HistoryView() {
  const phone = usePhone()
  const online = useOnline()
  const here = useLoad(() => phone.db.all('sessions'), [])
  const [told, setTold] = useState<SessionSummary[] | undefined>(undefined)
  const [next, setNext] = useState<string | undefined>(undefined)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const [busy, setBusy] = useState(false)

  const load = async (cursor?: string) => {
    setBusy(true)
    setProblem(undefined)
    try {
      const page = await phone.history(cursor)
      setTold((was) => [...(cursor ? (was ?? []) : []), ...page.items])
      setNext(page.next || undefined)
    } catch (e) {
      setProblem(asProblem(e))
    }
    setBusy(false)
  }
  useEffect(() => void load(), [online])

  const lines = new Map<string, Line>()
  for (const r of here.data ?? []) lines.set(r.session, lineOf(undefined, r))
  for (const s of told ?? []) lines.set(s.session, lineOf(s, here.data?.find((r) => r.session === s.session)))
  const list = [...lines.values()].sort((a, b) => b.at - a.at)

  return (
    <section class="view">
      <Head title={t('historyTitle')} />
      {problem &&
        (problem.code === 'offline' ? (
          <Note tone="warn">
            <p>{t('historyLocal')}</p>
            <Button size="small" onClick={() => void load()}>
              {t('refresh')}
            </Button>
          </Note>
        ) : (
          <ProblemNote problem={problem} onRetry={() => void load()} />
        ))}
      {list.length > 0 ? (
        <ul class="lines" role="list">
          {list.map((l) => (
            <li key={l.id}>
              <HistoryLine line={l} />
            </li>
          ))}
        </ul>
      ) : busy || here.loading ? (
        <Waiting text={t('loading')} />
      ) : problem ? null : (
        <Blank icon="history" title={t('historyEmptyTitle')} testid="history-empty">
          <p>{t('historyEmpty')}</p>
        </Blank>
      )}
      {next && (
        <Button wide busy={busy} testid="history-more" onClick={() => void load(next)}>
          {t('more')}
        </Button>
      )}
    </section>
  )
}

function HistoryLine({ line }: { line: Line }) {
  const tone = line.state === 'confirmed' ? 'good' : line.state === 'failed' ? 'danger' : over(line.state) ? 'plain' : 'accent'
  const inside = (
    <>
      <span class="line-main">
        <span class="line-title">{purposeWord(line.purpose)}</span>
        {line.name && <Text class="muted">{line.name}</Text>}
      </span>
      <span class="line-end">
        <span class={tone === 'plain' ? 'badge' : `badge badge-${tone}`}>{line.word}</span>
        <span class="muted small nums">{dateTime(line.at)}</span>
      </span>
    </>
  )
  return line.here ? (
    <a class="line" href={`#/${over(line.state) ? 'history' : 'session'}/${encodeURIComponent(line.id)}`} data-testid="history-item" data-state={line.state}>
      {inside}
    </a>
  ) : (
    <div class="line" data-testid="history-item" data-state={line.state}>
      {inside}
    </div>
  )
}

// An entry is the session itself, as it ended or as it stands.
export function useKnownSession(id: string): 'known' | 'missing' | undefined {
  const phone = usePhone()
  const found = useLoad(async () => (await phone.db.get('sessions', id)) !== undefined, [id])
  return found.data === undefined ? undefined : found.data ? 'known' : 'missing'
}

export function HistoryMissing() {
  return (
    <section class="view">
      <Head title={t('historyTitle')} backTo={{ place: 'history' }} />
      <Blank icon="history" title={t('missingTitle')}>
        <p>{t('missing')}</p>
        <Button onClick={() => go({ place: 'history' })}>{t('toList')}</Button>
      </Blank>
    </section>
  )
}
