// CA证书申领: the list, or the course of one application.
import { useState } from 'preact/hooks'
import { query } from '../../shared/api'
import { dateTime, visible } from '../../shared/format'
import { either } from '../../shared/i18n'
import type { Page, Provider } from '../../shared/model'
import { Blank, Button, Choices, ProblemCode, ProblemNote, Waiting } from '../../shared/ui'
import { useDraft } from '../draft'
import { useLoad } from '../load'
import { go } from '../router'
import { call, has } from '../state'
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
  const [cursor, setCursor] = useState('')
  const [earlier, setEarlier] = useState<Summary[]>([])
  const list = useLoad((signal) => call<Page<Summary>>('GET', `/v1/applications${query({ scope: view.scope, limit: 20, cursor })}`, { signal }), [view.scope, cursor])
  const items = list.data && [...earlier, ...list.data.items]
  return (
    <div class="stack page-body">
      <div class="row-between">
        <h1>{w('apply')}</h1>
        <Button kind="primary" onClick={() => setChoosing(true)} testid="apply-ca">
          {a('applyCA')}
        </Button>
      </div>
      <p class="lead">{a('lead')}</p>
      {has('admin') && (
        <Choices
          name="scope"
          legend={a('scope')}
          columns="two"
          value={view.scope}
          onChange={(scope) => {
            setCursor('')
            setEarlier([])
            change({ scope })
          }}
          options={[
            { value: 'mine', title: a('mine'), testid: 'scope-mine' },
            { value: 'organisation', title: a('organisationScope'), testid: 'scope-organisation' },
          ]}
        />
      )}
      {list.problem && items && <ProblemNote problem={list.problem} onRetry={list.reload} retryText={w('reload')} />}
      <section class="card" aria-label={a(view.scope === 'mine' ? 'caption' : 'captionAll')}>
        {!items ? (
          list.problem ? (
            <Blank icon={list.problem.status === 403 ? 'lock' : 'warn'} title={list.problem.title} testid={list.problem.status === 403 ? 'no-permission' : 'failed'}>
              <p>{a('failed')}</p>
              <Button kind="primary" onClick={list.reload} testid="retry">
                {w('reload')}
              </Button>
              <ProblemCode problem={list.problem} />
            </Blank>
          ) : (
            <Waiting text={a('loading')} testid="loading" />
          )
        ) : items.length === 0 ? (
          <Blank icon="certificate" title={a('empty')} testid="empty">
            <p>{a('emptyText')}</p>
          </Blank>
        ) : (
          <Table items={items} label={a(view.scope === 'mine' ? 'caption' : 'captionAll')} busy={list.loading} />
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
              testid="more"
            >
              {a('more')}
            </Button>
          </nav>
        )}
      </section>
      <DemoCertificates />
      <section class="card" aria-labelledby="lines">
        <h2 id="lines" class="card-title">
          {a('lines')}
        </h2>
        <p class="card-text">{a('linesText')}</p>
        <Loaded load={providers}>{(all) => <PhoneTable providers={all} mark={(p: Provider) => (p.applicable ? a('onlineHere') : '')} />}</Loaded>
      </section>
      {choosing && <ChooseDialog onClose={() => setChoosing(false)} onBegun={(id) => go('apply', id)} />}
    </div>
  )
}

function Table({ items, label, busy }: { items: Summary[]; label: string; busy: boolean }) {
  return (
    <div class="table-box" aria-busy={busy ? 'true' : undefined}>
      <table class="table" role="table" aria-label={label}>
        <thead role="rowgroup">
          <tr role="row">
            {(['certificate', 'holderCol', 'stateCol', 'sinceCol', 'actsCol'] as const).map((k) => (
              <th key={k} role="columnheader" scope="col">
                {a(k)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {items.map((x) => (
            <tr key={x.id} role="row" data-testid="application-row" data-id={x.id} data-state={x.state}>
              <td role="cell" data-label={a('certificate')}>
                <span class="cell-stack">
                  <strong>{either(x.product_name.zh, x.product_name.en)}</strong>
                  <span class="cell-sub nums">{x.number}</span>
                </span>
              </td>
              <td role="cell" data-label={a('holderCol')}>
                <span class="cell-stack">
                  <span>{visible(x.holder)}</span>
                  <span class="cell-sub">{visible(x.organisation)}</span>
                </span>
              </td>
              <td role="cell" data-label={a('stateCol')}>
                <StateBadge state={x.state} />
              </td>
              <td role="cell" data-label={a('sinceCol')} class="nums nowrap">
                {dateTime(x.since)}
              </td>
              <td role="cell" class="col-acts">
                <span class="acts">
                  <Button size="small" onClick={() => go('apply', x.id)} label={`${actOf(x)}：${x.number}`} testid="open-application">
                    {actOf(x)}
                  </Button>
                  {x.state === 'issued' && x.order && x.amount_fen > 0 && (
                    <Button size="small" kind="quiet" onClick={() => go('invoice', x.order)} label={`${a('invoice')}：${x.number}`} testid="invoice">
                      {a('invoice')}
                    </Button>
                  )}
                </span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
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
