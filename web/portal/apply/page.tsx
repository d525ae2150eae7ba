// CA证书申领: the list, or the course of one application.
import { useState } from 'preact/hooks'
import { query } from '../../shared/api'
import { dateTime, visible } from '../../shared/format'
import { either } from '../../shared/i18n'
import type { Provider } from '../../shared/model'
import { Button, Choices } from '../../shared/ui'
import { useDraft } from '../draft'
import { Cell, List, usePages } from '../list'
import { go } from '../router'
import { has } from '../state'
import { w } from '../words'
import { Loaded, PhoneTable, useProviders } from '../pages/phones'
import { ChooseDialog } from './choose'
import { Course } from './course'
import { DemoCertificates } from './demo'
import { type Summary } from './model'
import { a, stateName } from './words'

export function ApplyPage({ item }: { item: string }) {
  return item ? <Course key={item} id={item} /> : <Applications />
}

function Applications() {
  const providers = useProviders()
  const [choosing, setChoosing] = useState(false)
  const [view, change] = useDraft('applications', { scope: 'mine' })
  const list = usePages<Summary>((cursor) => `/v1/applications${query({ scope: view.scope, limit: 20, cursor })}`)
  const begin = (
    <Button kind="primary" onClick={() => setChoosing(true)} testid="apply-ca">
      {a('applyCA')}
    </Button>
  )
  return (
    <List
      title={w('apply')}
      lead={a('lead')}
      buttons={begin}
      filters={
        has('admin') && (
          <Choices
            name="scope"
            legend={a('scope')}
            columns="two"
            value={view.scope}
            onChange={(scope) => change({ scope })}
            options={[
              { value: 'mine', title: a('mine'), testid: 'scope-mine' },
              { value: 'organisation', title: a('organisationScope'), testid: 'scope-organisation' },
            ]}
          />
        )
      }
      caption={a(view.scope === 'mine' ? 'caption' : 'captionAll')}
      list={list}
      row={(x) => ({ id: x.id, testid: 'application-row', state: x.state })}
      empty={{
        icon: 'certificate',
        title: a('empty'),
        text: a('emptyText'),
        act: begin,
      }}
      loading={a('loading')}
      failed={a('failed')}
      columns={[
        { head: a('certificate'), cell: (x) => <Cell strong={either(x.product_name.zh, x.product_name.en)} sub={[<span class="nums">{x.number}</span>]} /> },
        { head: a('holderCol'), cell: (x) => <Cell sub={[visible(x.organisation)]}>{visible(x.holder)}</Cell> },
        { head: a('stateCol'), cell: (x) => <StateBadge state={x.state} /> },
        { head: a('sinceCol'), class: 'nums nowrap', cell: (x) => dateTime(x.since) },
      ]}
      acts={(x) => (
        <>
          <Button size="small" onClick={() => go('apply', x.id)} label={w('named', { name: actOf(x), text: x.number })} testid="open-application">
            {actOf(x)}
          </Button>
          {x.state === 'issued' && x.order && x.amount_fen > 0 && (
            <Button size="small" kind="quiet" onClick={() => go('invoice', x.order)} label={w('named', { name: a('invoice'), text: x.number })} testid="invoice">
              {a('invoice')}
            </Button>
          )}
        </>
      )}
    >
      <DemoCertificates />
      <section class="card" aria-labelledby="lines">
        <h2 id="lines" class="card-title">
          {a('lines')}
        </h2>
        <p class="card-text">{a('linesText')}</p>
        <Loaded load={providers}>{(all) => <PhoneTable providers={all} mark={(p: Provider) => (p.applicable ? a('onlineHere') : '')} />}</Loaded>
      </section>
      {choosing && <ChooseDialog onClose={() => setChoosing(false)} onBegun={(id) => go('apply', id)} />}
    </List>
  )
}

// What the row's button is called, by what the person can do there.
function actOf(x: Summary): string {
  if (x.acts.includes('collect')) return a('collect')
  if (x.state === 'rejected' && x.acts.includes('edit')) return a('change')
  if (x.acts.some((y) => y === 'edit' || y === 'identify' || y === 'pay')) return a('goOn')
  return a('open')
}

export function StateBadge({ state }: { state: Summary['state'] }) {
  const tone = state === 'issued' ? 'badge-good' : state === 'rejected' ? 'badge-danger' : state === 'making' ? 'badge-good' : state === 'withdrawn' ? '' : 'badge-warn'
  return <span class={`badge ${tone}`}>{stateName(state)}</span>
}
