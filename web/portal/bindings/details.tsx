import { useState } from 'preact/hooks'
import { dateTime, groups, visible } from '../../shared/format'
import type { Binding } from '../../shared/model'
import { type Problem, asProblem } from '../../shared/problem'
import { Button, Dialog, Icon, Note, ProblemNote } from '../../shared/ui'
import { download, useApp } from '../state'
import { RehearseDialog } from '../ukey/rehearse'
import { u } from '../ukey/words'
import { mediumName, providerName } from '../words'
import { dead } from './table'
import { algorithmName, b } from './words'

export function DetailsDialog({ binding: x, onClose, onRevoke }: { binding: Binding; onClose: () => void; onRevoke?: () => void }) {
  const { config } = useApp()
  const [busy, setBusy] = useState(false)
  const [rehearsing, setRehearsing] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const fetchEvidence = async () => {
    setBusy(true)
    setProblem(undefined)
    try {
      await download(`/v1/bindings/${encodeURIComponent(x.id)}/evidence?format=zip`, `certlink-evidence-${x.id}.zip`)
    } catch (e) {
      setProblem(asProblem(e))
    }
    setBusy(false)
  }
  const c = x.certificate
  const rows: [string, string, boolean?][] = [
    [b('holder'), visible(c.holder_name)],
    [b('organisation'), visible(c.organisation_name)],
    [b('kind'), mediumName(x.medium)],
    [b('provider'), providerName(x.provider)],
    [b('account'), `${visible(x.account.name)} · ${x.account.login}`],
    [b('state'), x.state === 'active' ? b('active') : b('unbound')],
    [b('boundAt'), dateTime(x.bound_at)],
    [b('boundBy'), visible(x.bound_by.name)],
    [b('unboundAt'), x.unbound_at ? dateTime(x.unbound_at) : ''],
    [b('unboundBy'), x.unbound_by ? visible(x.unbound_by.name) : ''],
    [b('validFrom'), dateTime(c.not_before)],
    [b('validUntil'), dateTime(c.not_after)],
    [b('algorithm'), algorithmName(c.algorithm)],
    [b('subject'), visible(c.subject)],
    [b('serialWhole'), c.serial, true],
    [b('fingerprint'), groups(c.fingerprint), true],
    [b('pair'), x.pair ? x.pair.serial : '', true],
  ]
  if (rehearsing) return <RehearseDialog binding={x.id} holder={c.holder_name} onClose={onClose} fallback='[data-testid="details"]' />
  return (
    <Dialog title={b('detailsTitle')} onClose={onClose} testid="details-dialog">
      {dead(x) && (
        <Note tone="danger">
          <p>{b('deadText')}</p>
        </Note>
      )}
      <dl class="facts">
        {rows
          .filter(([, value]) => value !== '')
          .map(([name, value, mono]) => (
            <>
              <dt>{name}</dt>
              <dd class={mono ? 'mono small' : 'nums'}>{value}</dd>
            </>
          ))}
      </dl>
      {x.evidence_id && (
        <p class="evidence">
          <Button busy={busy} onClick={() => void fetchEvidence()} testid="evidence">
            <Icon name="download" />
            {b('evidence')}
          </Button>
          <span class="hint">{b('evidenceText')}</span>
        </p>
      )}
      {x.decrypts && x.state === 'active' && config?.bridge && (
        <p class="evidence">
          <Button onClick={() => setRehearsing(true)} testid="rehearse">
            {u('rehearse')}
          </Button>
          <span class="hint">{u('rehearseLead')}</span>
        </p>
      )}
      {problem && <ProblemNote problem={problem} />}
      {onRevoke && x.state === 'active' && x.certificate.id && !dead(x) && x.acts.includes('unbind') && (
        <div class="dialog-foot">
          <Button kind="quiet-danger" onClick={onRevoke} testid="details-revoke">
            {b('revoke')}
          </Button>
        </div>
      )}
    </Dialog>
  )
}
