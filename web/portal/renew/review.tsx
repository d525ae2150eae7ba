// U-Key 新证书: what a reviewer can hand in for renewals of U-Keys.
import { useState } from 'preact/hooks'
import { query } from '../../shared/api'
import { date, dateTime, inDays, serialEnd, visible } from '../../shared/format'
import { either } from '../../shared/i18n'
import type { Page } from '../../shared/model'
import { Blank, Button, ProblemCode, ProblemNote, Waiting } from '../../shared/ui'
import { useLoad } from '../load'
import { call } from '../state'
import { providerName, w } from '../words'
import { HandInDialog } from './handin'
import type { Renewal } from './model'
import { stateName } from './words'
import { v } from './reviewwords'

export function TokenReviewPage() {
  const [cursor, setCursor] = useState('')
  const [chosen, setChosen] = useState<Renewal | undefined>(undefined)
  const list = useLoad((signal) => call<Page<Renewal>>('GET', `/v1/renewals/waiting${query({ limit: 20, cursor })}`, { signal }), [cursor])
  const items = list.data?.items
  const over = () => {
    setChosen(undefined)
    list.reload()
  }
  return (
    <div class="stack page-body">
      <h1>{w('reviewTokens')}</h1>
      <p class="lead">{v('lead')}</p>
      {list.problem && items && <ProblemNote problem={list.problem} onRetry={list.reload} retryText={w('reload')} />}
      <section class="card" aria-label={w('reviewTokens')}>
        {!items ? (
          list.problem ? (
            <Blank icon={list.problem.passing ? 'offline' : 'warn'} title={list.problem.title} testid="failed">
              <p>{w('loadFailed')}</p>
              <Button kind="primary" onClick={list.reload}>
                {w('reload')}
              </Button>
              <ProblemCode problem={list.problem} />
            </Blank>
          ) : (
            <Waiting text={v('loading')} />
          )
        ) : items.length === 0 ? (
          <Blank icon="inbox" title={v('empty')} testid="empty">
            <p>{v('emptyText')}</p>
          </Blank>
        ) : (
          <div class="table-box" aria-busy={list.loading ? 'true' : undefined}>
            <table class="table" role="table" aria-label={w('reviewTokens')}>
              <thead role="rowgroup">
                <tr role="row">
                  {(['holder', 'provider', 'until', 'state', 'since', 'acts'] as const).map((k) => (
                    <th key={k} role="columnheader" scope="col">
                      {v(k)}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody role="rowgroup">
                {items.map((n) => (
                  <Row key={n.id} n={n} onAct={() => setChosen(n)} />
                ))}
              </tbody>
            </table>
          </div>
        )}
        {(cursor || list.data?.next) && (
          <nav class="pager" aria-label={w('reviewTokens')}>
            <Button size="small" off={!cursor} onClick={() => setCursor('')}>
              {either('从头', 'From the start')}
            </Button>
            <Button size="small" off={!list.data?.next} onClick={() => setCursor(list.data?.next ?? '')}>
              {either('下一页', 'Next')}
            </Button>
          </nav>
        )}
      </section>
      {chosen && <HandInDialog renewal={chosen} onClose={() => setChosen(undefined)} onDone={over} />}
    </div>
  )
}

// standing says in words what a renewal waits for.
function standing(n: Renewal): string {
  if (n.state === 'extended') return v('waitsProof')
  const step = n.course?.step
  if (step && n.state === 'extending') return v(`step_${step}`)
  if (n.state === 'extension' && step === 'rejected') return v('step_rejected')
  return v('waitsLeave')
}

function Row({ n, onAct }: { n: Renewal; onAct: () => void }) {
  const holder = visible(n.certificate.holder_name || n.certificate.organisation_name)
  const act = n.state === 'extended' ? 'handInAgain' : 'handIn'
  return (
    <tr role="row" data-testid="token-row" data-state={n.state}>
      <td role="cell" data-label={v('holder')}>
        <span class="cell-stack">
          <strong>{holder}</strong>
          <span class="cell-sub">{visible(n.certificate.organisation_name)}</span>
        </span>
      </td>
      <td role="cell" data-label={v('provider')}>
        <span class="cell-stack">
          <span>{providerName(n.certificate.provider)}</span>
          <span class="mono cell-sub">{serialEnd(n.certificate.serial)}</span>
        </span>
      </td>
      <td role="cell" data-label={v('until')}>
        <span class="cell-stack">
          <span class="nums nowrap">{date(n.certificate.not_after)}</span>
          <span class="cell-sub">{inDays(n.certificate.not_after)}</span>
        </span>
      </td>
      <td role="cell" data-label={v('state')}>
        <span class="cell-stack">
          <span>
            <span class={`badge ${n.state === 'extended' ? 'badge-good' : 'badge-warn'}`}>{stateName(n.state)}</span>
          </span>
          <span class="cell-sub">{standing(n)}</span>
        </span>
      </td>
      <td role="cell" data-label={v('since')} class="nums">
        {dateTime(n.paid_at ?? n.created_at)}
      </td>
      <td role="cell" data-label={v('acts')} class="col-acts">
        <span class="acts">
          <Button kind={act === 'handInAgain' ? 'quiet' : 'secondary'} size="small" label={v(`${act}Of`, { holder })} onClick={onAct} testid="hand-in">
            {v(act)}
          </Button>
        </span>
      </td>
    </tr>
  )
}
