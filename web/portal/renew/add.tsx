// 新增CA续费 > 给已绑定CA续费: which certificate, what it costs, or where else to go.
import { useState } from 'preact/hooks'
import { query } from '../../shared/api'
import { date, inDays, money, serialEnd, visible } from '../../shared/format'
import { either } from '../../shared/i18n'
import type { Page } from '../../shared/model'
import { type Problem, asProblem } from '../../shared/problem'
import { Blank, Button, Dialog, ProblemNote, Waiting } from '../../shared/ui'
import { useLoad } from '../load'
import { go } from '../router'
import { call } from '../state'
import { mediumShort, providerName, w } from '../words'
import type { Candidate, Renewal } from './model'
import { Lines } from './guard'
import { start } from './start'
import { r } from './words'

interface Props {
  scope: string
  onClose: () => void
  onStarted: (n: Renewal) => void
}

export function AddDialog(p: Props) {
  const list = useLoad((signal) => call<Page<Candidate>>('GET', `/v1/renewals/candidates${query({ scope: p.scope })}`, { signal }), [p.scope])
  const [busy, setBusy] = useState('')
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const items = list.data?.items
  const renew = async (c: Candidate) => {
    setBusy(c.certificate.fingerprint)
    setProblem(undefined)
    try {
      p.onStarted(await start(c))
    } catch (e) {
      setProblem(asProblem(e))
      setBusy('')
    }
  }
  const group = (title: string, bound: boolean) => {
    const mine = items?.filter((c) => Boolean(c.binding) === bound) ?? []
    return (
      mine.length > 0 && (
        <section class="stack-s" aria-label={title}>
          <h3>{title}</h3>
          <ul class="renew-choices">
            {mine.map((c) => (
              <Choice key={c.certificate.fingerprint} c={c} busy={busy} onRenew={() => void renew(c)} />
            ))}
          </ul>
        </section>
      )
    )
  }
  return (
    <Dialog title={r('add')} onClose={busy ? undefined : p.onClose} testid="renew-dialog" fallback='[data-testid="renew-add"]'>
      <div class="stack">
        <p class="muted">{r('addLead')}</p>
        {problem && <ProblemNote problem={problem} meaning={r('failedStart')} />}
        {list.problem ? (
          <ProblemNote problem={list.problem} meaning={w('loadFailed')} onRetry={list.reload} retryText={w('reload')} />
        ) : !items ? (
          <Waiting text={r('loading')} />
        ) : items.length === 0 ? (
          <Blank icon="inbox" title={r('addNone')} testid="renew-none">
            <p>{r('addNoneText')}</p>
            <Button kind="primary" onClick={() => go('apply')}>
              {w('apply')}
            </Button>
          </Blank>
        ) : (
          <>
            {group(r('addBound'), true)}
            {group(r('addOwn'), false)}
          </>
        )}
      </div>
    </Dialog>
  )
}

function Choice({ c, busy, onRenew }: { c: Candidate; busy: string; onRenew: () => void }) {
  const holder = visible(c.certificate.holder_name || c.certificate.organisation_name)
  const from = c.refusal?.extra?.['from']
  return (
    <li class="renew-choice" data-testid="candidate">
      <div class="renew-choice-text">
        <span>
          <strong>{holder}</strong> <span class="muted">{visible(c.certificate.organisation_name)}</span>
        </span>
        <span class="small">
          {providerName(c.provider)} · {mediumShort(c.medium)} · <span class="mono">{serialEnd(c.certificate.serial)}</span>
        </span>
        <span class="small nums">
          {r('validUntil')} {date(c.certificate.not_after)} <span class="muted">{inDays(c.certificate.not_after)}</span>
        </span>
        {c.open_bids && <span class="badge badge-warn">{r('bidsOpen', { n: c.open_bids.count })}</span>}
        {c.refusal && c.refusal.code === 'renewal_elsewhere' ? (
          <span class="small">
            {r('elsewhere')} <Lines phones={c.provider.phones} />
          </span>
        ) : (
          c.refusal && <span class="small muted">{typeof from === 'string' ? r('fromDay', { date: date(from) }) : either(c.refusal.title_zh, c.refusal.title_en)}</span>
        )}
      </div>
      {c.renewable && (
        <div class="renew-choice-act">
          <span class="nums">{c.price_fen === 0 ? r('free') : money(c.price_fen)}</span>
          <span class="small muted">{c.renewal ? r('going') : r('term', { n: c.term_days })}</span>
          <Button kind="primary" size="small" busy={busy === c.certificate.fingerprint} off={busy !== ''} label={r(c.renewal ? 'openOf' : 'renewOf', { holder })} onClick={onRenew} testid="candidate-renew">
            {c.renewal ? r('open') : r('toRenew')}
          </Button>
        </div>
      )}
    </li>
  )
}
