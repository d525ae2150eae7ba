// What to know before a certificate is unbound or revoked: bids encrypted to it
// that have not been opened.
import { Note, ProblemNote } from '../../shared/ui'
import { useLoad } from '../load'
import { call } from '../state'
import { providerName, w } from '../words'
import { Lines, OpenBids } from './guard'
import type { Guard } from './model'
import { r } from './words'

export function BidsWarning({ certificate, otherwise }: { certificate: string; otherwise?: string }) {
  const guard = useLoad((signal) => call<Guard>('GET', `/v1/certificates/${encodeURIComponent(certificate)}/bids`, { signal }), [certificate])
  if (guard.problem) return <ProblemNote problem={guard.problem} meaning={r('bidsUnknown')} onRetry={guard.reload} retryText={w('reload')} testid="bids-unknown" />
  if (!guard.data || guard.data.open.length === 0) return otherwise ? <p>{otherwise}</p> : null
  return (
    <Note tone="danger" title={r('warnTitle', { n: guard.data.open.length })} testid="bids-warning">
      <OpenBids open={guard.data.open} />
      <p>{r('warnText')}</p>
      <p>
        {r('callFirst', { name: providerName(guard.data.provider) })} <Lines phones={guard.data.provider.phones} />
      </p>
    </Note>
  )
}
