// 续费身份核验, for reviewers: paid renewals whose certificate expired before it was
// extended. Once the holder is known, they collect a new certificate.
import { useState } from 'preact/hooks'
import { query } from '../../shared/api'
import { date, dateTime, serialEnd, visible } from '../../shared/format'
import { type Problem, asProblem } from '../../shared/problem'
import { Button, Choices, Dialog, ProblemNote, announce } from '../../shared/ui'
import { Cell, List, usePages } from '../list'
import { call } from '../state'
import { providerName, w } from '../words'
import type { Renewal } from './model'
import { r } from './words'

export function RenewalIdentitiesPage() {
  const [asking, setAsking] = useState<Renewal | undefined>(undefined)
  const list = usePages<Renewal>((cursor) => `/v1/renewals${query({ scope: 'identity', limit: 50, cursor })}`)
  return (
    <List
      title={w('reviewRenewals')}
      lead={r('whoLead')}
      caption={w('reviewRenewals')}
      list={list}
      row={(n) => ({ id: n.id, testid: 'identity-row' })}
      empty={{ icon: 'inbox', title: r('whoEmpty'), text: r('whoEmptyText') }}
      loading={r('loading')}
      keys
      columns={[
        { head: r('certificate'), cell: (n) => <Cell strong={visible(n.certificate.holder_name)} sub={[visible(n.certificate.organisation_name)]} /> },
        { head: r('provider'), cell: (n) => <Cell sub={[<span class="mono">{serialEnd(n.certificate.serial)}</span>]}>{providerName(n.certificate.provider)}</Cell> },
        { head: r('whoExpired'), class: 'nums nowrap', cell: (n) => date(n.certificate.not_after) },
        { head: r('paidOn'), class: 'nums nowrap', cell: (n) => (n.paid_at ? dateTime(n.paid_at) : '—') },
      ]}
      acts={(n) => (
        <Button size="small" label={r('whoActOf', { holder: visible(n.certificate.holder_name) })} onClick={() => setAsking(n)} testid="identity-act">
          {r('whoAct')}
        </Button>
      )}
    >
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
    </List>
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
