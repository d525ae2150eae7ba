// 续费身份核验, for reviewers: paid renewals whose certificate expired before it was
// extended. Once the holder is known, they collect a new certificate.
import { useState } from 'preact/hooks'
import { query } from '../../shared/api'
import { date, dateTime, serialEnd, visible } from '../../shared/format'
import type { Page } from '../../shared/model'
import { type Problem, asProblem } from '../../shared/problem'
import { Blank, Button, Choices, Dialog, ProblemCode, ProblemNote, Waiting, announce } from '../../shared/ui'
import { useLoad } from '../load'
import { call } from '../state'
import { providerName, w } from '../words'
import type { Renewal } from './model'
import { r } from './words'

export function RenewalIdentitiesPage() {
  const [cursor, setCursor] = useState('')
  const [asking, setAsking] = useState<Renewal | undefined>(undefined)
  const list = useLoad((signal) => call<Page<Renewal>>('GET', `/v1/renewals${query({ scope: 'identity', limit: 50, cursor })}`, { signal }), [cursor])
  const items = list.data?.items
  return (
    <div class="stack page-body">
      <h1>{w('reviewRenewals')}</h1>
      <p class="lead">{r('whoLead')}</p>
      {list.problem && items && <ProblemNote problem={list.problem} onRetry={list.reload} retryText={w('reload')} />}
      <section class="card" aria-label={w('reviewRenewals')}>
        {items ? (
          items.length > 0 ? (
            <Rows items={items} onAsk={setAsking} />
          ) : (
            <Blank icon="inbox" title={r('whoEmpty')} testid="empty">
              <p>{r('whoEmptyText')}</p>
            </Blank>
          )
        ) : list.problem ? (
          <Blank icon={list.problem.status === 403 ? 'lock' : 'warn'} title={list.problem.title} testid={list.problem.status === 403 ? 'no-permission' : 'failed'}>
            <p>{w('loadFailed')}</p>
            <Button kind="primary" onClick={list.reload} testid="retry">
              {w('reload')}
            </Button>
            <ProblemCode problem={list.problem} />
          </Blank>
        ) : (
          <Waiting text={r('loading')} testid="loading" />
        )}
        {list.data?.next && (
          <nav class="pager">
            <Button size="small" busy={list.loading} onClick={() => setCursor(list.data?.next ?? '')}>
              {r('more')}
            </Button>
          </nav>
        )}
      </section>
      {asking && (
        <Proved
          n={asking}
          onClose={() => setAsking(undefined)}
          onDone={() => {
            setAsking(undefined)
            announce(r('whoDone'))
            list.reload()
          }}
        />
      )}
    </div>
  )
}

function Rows({ items, onAsk }: { items: Renewal[]; onAsk: (n: Renewal) => void }) {
  return (
    <div class="table-box">
      <table class="table" role="table" aria-label={w('reviewRenewals')}>
        <thead role="rowgroup">
          <tr role="row">
            {(['certificate', 'provider', 'whoExpired', 'paidOn', 'acts'] as const).map((c) => (
              <th key={c} role="columnheader" scope="col">
                {r(c)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {items.map((n) => (
            <tr key={n.id} role="row" data-testid="identity-row" data-id={n.id}>
              <td role="cell" data-label={r('certificate')}>
                <span class="cell-stack">
                  <strong>{visible(n.certificate.holder_name)}</strong>
                  <span class="cell-sub">{visible(n.certificate.organisation_name)}</span>
                </span>
              </td>
              <td role="cell" data-label={r('provider')}>
                <span class="cell-stack">
                  <span>{providerName(n.certificate.provider)}</span>
                  <span class="mono cell-sub">{serialEnd(n.certificate.serial)}</span>
                </span>
              </td>
              <td role="cell" class="nums nowrap" data-label={r('whoExpired')}>
                {date(n.certificate.not_after)}
              </td>
              <td role="cell" class="nums nowrap" data-label={r('paidOn')}>
                {n.paid_at ? dateTime(n.paid_at) : '—'}
              </td>
              <td role="cell" data-label={r('acts')} class="col-acts">
                <Button size="small" label={r('whoActOf', { holder: visible(n.certificate.holder_name) })} onClick={() => onAsk(n)} testid="identity-act">
                  {r('whoAct')}
                </Button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

// Proved is a reviewer's word that the papers, or the person on site, are the
// certificate's holder.
function Proved({ n, onClose, onDone }: { n: Renewal; onClose: () => void; onDone: () => void }) {
  const [method, setMethod] = useState('')
  const [missing, setMissing] = useState(false)
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const confirm = async () => {
    setMissing(method === '')
    if (method === '' || busy) return
    setBusy(true)
    setProblem(undefined)
    try {
      await call('POST', `/v1/renewals/${encodeURIComponent(n.id)}/identity`, { body: { method } })
      onDone()
    } catch (e) {
      setProblem(asProblem(e))
      setBusy(false)
    }
  }
  return (
    <Dialog title={r('whoTitle')} narrow onClose={busy ? undefined : onClose} testid="identity-dialog" fallback="main">
      <form
        class="stack"
        onSubmit={(e) => {
          e.preventDefault()
          void confirm()
        }}
      >
        <p>{r('whoWhat', { holder: visible(n.certificate.holder_name), organisation: visible(n.certificate.organisation_name) })}</p>
        <Choices
          name="method"
          legend={r('whoLegend')}
          columns="one"
          value={method}
          error={missing ? r('whoMissing') : undefined}
          onChange={setMethod}
          options={[
            { value: 'mail', title: r('whoMail'), testid: 'method-mail' },
            { value: 'on_site', title: r('whoOnSite'), testid: 'method-on_site' },
          ]}
        />
        {problem && <ProblemNote problem={problem} meaning={r('problemAct')} />}
        <div class="dialog-foot">
          <Button off={busy} onClick={onClose}>
            {w('cancel')}
          </Button>
          <Button submit kind="primary" busy={busy} testid="identity-yes">
            {r('whoYes')}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
