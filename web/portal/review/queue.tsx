// The queue: what waits for whom, and for how long.
import { useEffect, useState } from 'preact/hooks'
import { query } from '../../shared/api'
import { visible } from '../../shared/format'
import { either } from '../../shared/i18n'
import { Button, Field } from '../../shared/ui'
import { StateBadge } from '../apply/page'
import type { Offer, State, Summary } from '../apply/model'
import { stateName } from '../apply/words'
import { useDraft } from '../draft'
import { Cell, Filters, List, usePages } from '../list'
import { useLoad } from '../load'
import { go } from '../router'
import { call } from '../state'
import { w } from '../words'
import { Picker } from '../picker'
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
  const offers = useLoad((signal) => call<{ items: Offer[] }>('GET', '/v1/products', { signal }), [])
  const list = usePages<Summary, QueuePage>((cursor) => queuePath(view, cursor))
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') list.reload()
    }, lookEvery)
    return () => clearInterval(timer)
  }, [list.reload])
  const count = (s: State) => (list.first?.counts[s] ? ` (${list.first.counts[s]})` : '')
  const products = offers.data?.items ?? []
  const waits = [
    { value: '', title: r('allWaits') },
    { value: 'reviewer', title: r('waitsReviewer') },
    { value: 'papers', title: r('waitsPapers') },
    { value: 'applicant', title: r('waitsApplicant') },
    { value: 'authority', title: r('waitsAuthority') },
  ]
  const product = products.find((o) => o.id === view.product)
  const asked = [
    stateName(view.state as State) + count(view.state as State),
    view.waits && waits.find((x) => x.value === view.waits)?.title,
    product && either(product.name.zh, product.name.en),
    view.q && visible(view.q),
  ]
  return (
    <List
      title={w('review')}
      lead={r('lead')}
      filters={
        <Filters onFind={() => change({ q: words.trim() })} folded={asked.filter(Boolean).join(' · ')}>
          <Picker id="queue-state" label={r('state')} value={view.state} onChange={(state) => change({ state })} options={queueStates.map((s) => ({ value: s, title: stateName(s) + count(s) }))} />
          <Picker id="queue-waits" label={r('waits')} value={view.waits} onChange={(waits) => change({ waits })} options={waits} />
          <Picker
            id="queue-product"
            label={r('product')}
            value={view.product}
            onChange={(product) => change({ product })}
            options={[{ value: '', title: r('allProducts') }, ...products.map((o) => ({ value: o.id, title: either(o.name.zh, o.name.en) }))]}
          />
          <Field id="queue-q" label={r('search')} type="search" value={words} onInput={setWords} placeholder={r('searchHint')} maxLength={64} testid="queue-search" />
          <Button submit testid="queue-find">
            {r('searchGo')}
          </Button>
        </Filters>
      }
      caption={r('caption')}
      list={list}
      row={(x) => ({ id: x.id, testid: 'case-row', state: x.state })}
      empty={{ icon: 'inbox', title: r('empty'), text: r('emptyText') }}
      loading={r('loading')}
      failed={r('failed')}
      keys
      columns={[
        { head: r('applicant'), cell: (x) => <Cell strong={visible(x.holder)} sub={[visible(x.organisation), <span class="nums">{x.number}</span>]} /> },
        { head: r('product'), cell: (x) => either(x.product_name.zh, x.product_name.en) },
        {
          head: r('state'),
          cell: (x) => (
            <Cell sub={[x.submitted > 1 && r('resubmitted', { n: x.submitted }), x.decided && r('decided'), x.held_by && r('openBy', { name: visible(x.held_by.by.name ?? '') })]}>
              <StateBadge state={x.state} />
            </Cell>
          ),
        },
        { head: r('waits'), cell: waitsName },
        { head: r('age'), class: 'nums nowrap', cell: (x) => age(x.since) },
      ]}
      acts={(x) => (
        <Button size="small" label={w('named', { name: r('openCase'), text: x.number })} onClick={() => go('review', x.id)} testid="open-case">
          {r('openCase')}
        </Button>
      )}
    />
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
