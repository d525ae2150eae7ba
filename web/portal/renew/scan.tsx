// The extension by a code: for who sits before the page with the phone at hand.
import { useEffect } from 'preact/hooks'
import { visible } from '../../shared/format'
import { Dialog } from '../../shared/ui'
import { useDraft } from '../draft'
import { SessionPanel } from '../flow/panel'
import { type Start, useSession } from '../flow/session'
import { current } from '../state'
import type { Renewal } from './model'
import { r } from './words'

// collects: the identity was proved anew, and the certificate is collected like the
// first one.
export function QRDialog({ renewal, collects, onClose }: { renewal: Renewal; collects?: boolean; onClose: () => void }) {
  const [kept, keep] = useDraft<{ session: string }>(`renew-code-${renewal.id}`, { session: '' })
  const mine = current().session?.account.id === renewal.account.id
  const start: Start = collects ? { purpose: 'enroll', renewal: renewal.id } : { purpose: 'extend', renewal: renewal.id, ...(mine ? {} : { account: renewal.account.id }) }
  const running = useSession(start, kept.session || undefined, (id) => keep({ session: id ?? '' }))
  const state = running.session?.state
  const leave = () => {
    void running.cancel().catch(() => undefined)
    onClose()
  }
  // The page behind shows what came of it.
  useEffect(() => {
    if (state === 'confirmed') onClose()
  }, [state])
  return (
    <Dialog title={r(collects ? 'collect' : 'qrTitle')} onClose={state === 'accepted' ? undefined : leave} testid="extend-dialog" fallback='[data-testid="by-qr"]'>
      <p class="session-for">
        <strong>{visible(renewal.certificate.holder_name)}</strong>
      </p>
      <SessionPanel running={running} purpose={start.purpose} provider={undefined} onDone={leave} onCancel={leave} />
    </Dialog>
  )
}
