// The queue: what waits for whom, and for how long.
import { useEffect, useRef, useState } from 'preact/hooks'
import { query } from '../../shared/api'
import { visible } from '../../shared/format'
import { either } from '../../shared/i18n'
import { Blank, Button, Field, ProblemCode, ProblemNote, Waiting } from '../../shared/ui'
import { StateBadge } from '../apply/page'
import type { Offer, State, Summary } from '../apply/model'
import { stateName } from '../apply/words'
import { useDraft } from '../draft'
import { useLoad } from '../load'
import { go } from '../router'
import { call } from '../state'
import { w } from '../words'
import { Picker } from './picker'
import { r } from './words'

export interface QueuePage {
  items: Summary[]
  next: string
  counts: Partial<Record<State, number>>
}

export interface View {
  state: string
  waits: string
  product: string
  q: string
}

export const noFilter: View = { state: 'review', waits: '', product: '', q: '' }

export function queuePath(v: View, cursor: string): string {
  return `/v1/review/applications${query({ state: v.state, waits_for: v.waits, product: v.product, q: v.q, limit: 20, cursor })}`
}

const queueStates: State[] = ['review', 'making', 'identity', 'payment', 'rejected', 'issued', 'withdrawn']

// How long something waits, in the largest unit that says enough.
export function age(since: string, now = Date.now()): string {
  const minutes = Math.max(0, Math.floor((now - Date.parse(since)) / 60_000))
  if (minutes < 60) return r('ageMinutes', { n: minutes })
  if (minutes < 48 * 60) return r('ageHours', { n: Math.floor(minutes / 60) })
  return r('ageDays', { n: Math.floor(minutes / 1440) })
}

const lookEvery = 10_000

export function Queue() {
  const [view, change] = useDraft<View>('review-queue', noFilter)
  const [words, setWords] = useState(view.q)
  const [cursor, setCursor] = useState('')
  const [earlier, setEarlier] = useState<Summary[]>([])
  const offers = useLoad((signal) => call<{ items: Offer[] }>('GET', '/v1/products', { signal }), [])
  const list = useLoad((signal) => call<QueuePage>('GET', queuePath(view, cursor), { signal }), [view.state, view.waits, view.product, view.q, cursor])
  const items = list.data && [...earlier, ...list.data.items]
  const filter = (part: Partial<View>) => {
    setCursor('')
    setEarlier([])
    change(part)
  }
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible' && cursor === '') list.reload()
    }, lookEvery)
    return () => clearInterval(timer)
  }, [list.reload, cursor])
  const count = (s: State) => (list.data?.counts[s] ? ` (${list.data.counts[s]})` : '')
  return (
    <div class="stack page-body">
      <h1>{w('review')}</h1>
      <p class="lead">{r('lead')}</p>
      <form
        class="review-filters"
        role="search"
        onSubmit={(e) => {
          e.preventDefault()
          filter({ q: words.trim() })
        }}
      >
        <Picker id="queue-state" label={r('state')} value={view.state} onChange={(state) => filter({ state })} options={queueStates.map((s) => ({ value: s, title: stateName(s) + count(s) }))} />
        <Picker
          id="queue-waits"
          label={r('waits')}
          value={view.waits}
          onChange={(waits) => filter({ waits })}
          options={[
            { value: '', title: r('allWaits') },
            { value: 'reviewer', title: r('waitsReviewer') },
            { value: 'papers', title: r('waitsPapers') },
            { value: 'applicant', title: r('waitsApplicant') },
            { value: 'authority', title: r('waitsAuthority') },
          ]}
        />
        <Picker
          id="queue-product"
          label={r('product')}
          value={view.product}
          onChange={(product) => filter({ product })}
          options={[{ value: '', title: r('allProducts') }, ...(offers.data?.items ?? []).map((o) => ({ value: o.id, title: either(o.name.zh, o.name.en) }))]}
        />
        <Field id="queue-q" label={r('search')} type="search" value={words} onInput={setWords} placeholder={r('searchHint')} maxLength={64} testid="queue-search" />
        <Button submit testid="queue-find">
          {r('searchGo')}
        </Button>
      </form>
      {list.problem && items && <ProblemNote problem={list.problem} onRetry={list.reload} retryText={w('reload')} />}
      <section class="card" aria-label={r('caption')}>
        {!items ? (
          list.problem ? (
            <Blank icon={list.problem.status === 403 ? 'lock' : 'warn'} title={list.problem.title} testid={list.problem.status === 403 ? 'no-permission' : 'failed'}>
              <p>{r('failed')}</p>
              <Button kind="primary" onClick={list.reload} testid="retry">
                {w('reload')}
              </Button>
              <ProblemCode problem={list.problem} />
            </Blank>
          ) : (
            <Waiting text={r('loading')} testid="loading" />
          )
        ) : items.length === 0 ? (
          <Blank icon="inbox" title={r('empty')} testid="empty">
            <p>{r('emptyText')}</p>
          </Blank>
        ) : (
          <Rows items={items} busy={list.loading} />
        )}
        {list.data?.next && (
          <nav class="pager">
            <Button
              size="small"
              busy={list.loading}
              onClick={() => {
                setEarlier(items ?? [])
                setCursor(list.data?.next ?? '')
              }}
            >
              {r('older')}
            </Button>
          </nav>
        )}
      </section>
    </div>
  )
}

// Up and down go from row to row; Enter opens, as a button does anyway.
function Rows({ items, busy }: { items: Summary[]; busy: boolean }) {
  const body = useRef<HTMLTableSectionElement>(null)
  const keys = (e: KeyboardEvent) => {
    const step = e.key === 'ArrowDown' ? 1 : e.key === 'ArrowUp' ? -1 : 0
    if (step === 0 || !body.current) return
    const all = [...body.current.querySelectorAll<HTMLElement>('[data-testid="open-case"]')]
    const at = all.indexOf(document.activeElement as HTMLElement)
    const to = all[Math.min(all.length - 1, Math.max(0, at + step))]
    if (to) {
      e.preventDefault()
      to.focus()
    }
  }
  return (
    <>
      <div class="table-box" aria-busy={busy ? 'true' : undefined}>
        <table class="table" role="table" aria-label={r('caption')} onKeyDown={keys}>
          <thead role="rowgroup">
            <tr role="row">
              {[r('applicant'), r('product'), r('state'), r('waits'), r('age'), r('acts')].map((h, i) => (
                <th key={i} role="columnheader" scope="col">
                  {h}
                </th>
              ))}
            </tr>
          </thead>
          <tbody role="rowgroup" ref={body}>
            {items.map((x) => (
              <tr key={x.id} role="row" data-testid="case-row" data-id={x.id}>
                <td role="cell" data-label={r('applicant')}>
                  <span class="cell-stack">
                    <strong>{visible(x.holder)}</strong>
                    <span class="cell-sub">{visible(x.organisation)}</span>
                    <span class="cell-sub nums">{x.number}</span>
                  </span>
                </td>
                <td role="cell" data-label={r('product')}>
                  {either(x.product_name.zh, x.product_name.en)}
                </td>
                <td role="cell" data-label={r('state')}>
                  <span class="cell-stack">
                    <StateBadge state={x.state} />
                    {x.submitted > 1 && <span class="cell-sub">{r('resubmitted', { n: x.submitted })}</span>}
                    {x.decided && <span class="cell-sub">{r('decided')}</span>}
                    {x.held_by && <span class="cell-sub">{r('openBy', { name: visible(x.held_by.by.name ?? '') })}</span>}
                  </span>
                </td>
                <td role="cell" data-label={r('waits')}>
                  {waitsName(x)}
                </td>
                <td role="cell" data-label={r('age')} class="nums nowrap">
                  {age(x.since)}
                </td>
                <td role="cell" class="col-acts">
                  <Button size="small" label={`${r('openCase')}：${x.number}`} onClick={() => go('review', x.id)} testid="open-case">
                    {r('openCase')}
                  </Button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="card-text small review-keys">{r('keys')}</p>
    </>
  )
}

export function waitsName(x: Summary): string {
  switch (x.waits_for) {
    case 'reviewer':
      return r('waitsReviewer')
    case 'papers':
      return r('waitsPapers')
    case 'applicant':
      return r('waitsApplicant')
    case 'authority':
      return r('waitsAuthority')
  }
  return '—'
}
