// 证书管理: what was issued for this account or, for its admin, the organisation.
import { useState } from 'preact/hooks'
import { query } from '../../shared/api'
import { date, serialEnd, visible } from '../../shared/format'
import { either } from '../../shared/i18n'
import type { Page } from '../../shared/model'
import { Blank, Button, ProblemCode, ProblemNote, Waiting } from '../../shared/ui'
import { useDraft } from '../draft'
import { useLoad } from '../load'
import { go } from '../router'
import { call, has } from '../state'
import { mediumShort, providerName, w } from '../words'
import { CertificateDetails } from './details'
import type { CertificateRecord } from './model'
import { RevokeDialog } from './revoke'
import { c, stateName } from './words'

export function StateBadge({ state }: { state: string }) {
  const tone = state === 'active' ? 'badge-good' : state === 'waiting' || state === 'issuing' ? 'badge-warn' : state === 'superseded' ? '' : 'badge-danger'
  return <span class={`badge ${tone}`}>{stateName(state)}</span>
}

export function CertificatesPage() {
  const admin = has('admin')
  const [view, change] = useDraft<{ scope: 'mine' | 'organisation' }>('certificates', { scope: admin ? 'organisation' : 'mine' })
  const [cursors, setCursors] = useState<string[]>([''])
  const [details, setDetails] = useState<CertificateRecord | undefined>(undefined)
  const [revoking, setRevoking] = useState<CertificateRecord | undefined>(undefined)
  const cursor = cursors[cursors.length - 1] ?? ''
  const scope = admin ? view.scope : 'mine'
  const list = useLoad((signal) => call<Page<CertificateRecord>>('GET', `/v1/certificates${query({ scope, limit: 20, cursor })}`, { signal }), [scope, cursor])
  const items = list.data?.items
  return (
    <div class="stack page-body">
      <div class="row-between">
        <h1>{w('certificates')}</h1>
        {admin && (
          <label class="filters-state">
            <span>{c('scope')}</span>
            <select
              class="input"
              value={view.scope}
              data-testid="certificates-scope"
              onChange={(e) => {
                setCursors([''])
                change({ scope: e.currentTarget.value as 'mine' | 'organisation' })
              }}
            >
              <option value="organisation">{c('organisation')}</option>
              <option value="mine">{c('mine')}</option>
            </select>
          </label>
        )}
      </div>
      <p class="lead">{c('lead')}</p>
      {list.problem && items && <ProblemNote problem={list.problem} onRetry={list.reload} retryText={w('reload')} />}
      <section class="card" aria-label={c('caption')}>
        {!items ? (
          list.problem ? (
            <Blank icon={list.problem.status === 403 ? 'lock' : 'warn'} title={list.problem.title} testid="failed">
              <p>{c('failed')}</p>
              <Button kind="primary" onClick={list.reload} testid="retry">
                {w('reload')}
              </Button>
              <ProblemCode problem={list.problem} />
            </Blank>
          ) : (
            <Waiting text={c('loading')} testid="loading" />
          )
        ) : items.length > 0 ? (
          <Table items={items} busy={list.loading} onDetails={setDetails} onRevoke={setRevoking} />
        ) : (
          <Blank icon="certificate" title={c('emptyTitle')} testid="certificates-empty">
            <p>{c('emptyText')}</p>
            <Button kind="primary" onClick={() => go('apply')}>
              {c('apply')}
            </Button>
          </Blank>
        )}
        {(cursors.length > 1 || list.data?.next) && (
          <nav class="pager" aria-label={c('pages')}>
            <Button size="small" off={cursors.length === 1} onClick={() => setCursors(cursors.slice(0, -1))}>
              {c('previous')}
            </Button>
            <span class="nums">{c('page', { n: cursors.length })}</span>
            <Button size="small" off={!list.data?.next} onClick={() => setCursors([...cursors, list.data?.next ?? ''])}>
              {c('nextPage')}
            </Button>
          </nav>
        )}
      </section>
      {details && (
        <CertificateDetails
          record={details}
          onClose={() => setDetails(undefined)}
          onRevoke={() => {
            setRevoking(details)
            setDetails(undefined)
          }}
        />
      )}
      {revoking && (
        <RevokeDialog
          id={revoking.id}
          holder={revoking.holder_name || revoking.organisation_name}
          onClose={() => setRevoking(undefined)}
          onDone={() => {
            setRevoking(undefined)
            list.reload()
          }}
        />
      )}
    </div>
  )
}

interface TableProps {
  items: CertificateRecord[]
  busy: boolean
  onDetails: (x: CertificateRecord) => void
  onRevoke: (x: CertificateRecord) => void
}

function Table(p: TableProps) {
  return (
    <div class="table-box" aria-busy={p.busy ? 'true' : undefined}>
      <table class="table" role="table" aria-label={c('caption')}>
        <thead role="rowgroup">
          <tr role="row">
            {(['holder', 'product', 'serial', 'term', 'account', 'state', 'acts'] as const).map((k) => (
              <th key={k} role="columnheader" scope="col">
                {c(k)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {p.items.map((x) => {
            const holder = visible(x.holder_name || x.organisation_name)
            return (
              <tr key={x.id} role="row" data-testid="certificate-row" data-id={x.id} data-state={x.state}>
                <td role="cell" data-label={c('holder')}>
                  <span class="cell-stack">
                    <strong>{holder}</strong>
                    {x.holder_name && <span class="cell-sub">{visible(x.organisation_name)}</span>}
                  </span>
                </td>
                <td role="cell" data-label={c('product')}>
                  <span class="cell-stack">
                    <span>{either(x.product_name.zh, x.product_name.en)}</span>
                    <span class="cell-sub">
                      {providerName(x.provider)} · {mediumShort(x.medium)}
                    </span>
                  </span>
                </td>
                <td role="cell" data-label={c('serial')}>
                  <span class="mono small nowrap">{x.serial ? serialEnd(x.serial) : '—'}</span>
                </td>
                <td role="cell" data-label={c('term')} class="nums nowrap">
                  {x.fingerprint ? date(x.not_after) : '—'}
                </td>
                <td role="cell" data-label={c('account')}>
                  {visible(x.account.name)}
                </td>
                <td role="cell" data-label={c('state')}>
                  <StateBadge state={x.state} />
                </td>
                <td role="cell" class="col-acts">
                  <span class="acts">
                    <Button kind="quiet" size="small" label={c('detailsOf', { holder })} onClick={() => p.onDetails(x)} testid="certificate-details">
                      {c('details')}
                    </Button>
                    {x.acts.includes('revoke') && (
                      <Button kind="quiet-danger" size="small" label={c('revokeOf', { holder })} onClick={() => p.onRevoke(x)} testid="revoke">
                        {c('revoke')}
                      </Button>
                    )}
                  </span>
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}
