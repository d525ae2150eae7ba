// What the holder of a U-Key signs in a renewal: that the warning about open bids was
// read, and that the new certificate has arrived.
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import type { Page, Provider } from '../../shared/model'
import { Button } from '../../shared/ui'
import { useLoad } from '../load'
import { call, useApp } from '../state'
import { UKeyDialog } from '../ukey/dialog'
import { u } from '../ukey/words'
import type { Renewal } from './model'
import { r } from './words'

interface Props {
  n: Renewal
  purpose: 'acknowledge' | 'replace'
  danger?: boolean
  // What the button stands in. The page follows the renewal and may find the signature
  // before its dialog has said so: while nothing is owed only an open dialog stays.
  owed: boolean
  frame: (button: ComponentChildren) => ComponentChildren
  take: (n: Renewal) => void
}

export function SignByToken({ n, purpose, danger, owed, frame, take }: Props) {
  const { config } = useApp()
  const [open, setOpen] = useState(false)
  const providers = useLoad((signal) => call<Page<Provider>>('GET', '/v1/providers', { signal }), [])
  const provider = providers.data?.items.find((p) => p.id === n.certificate.provider.id)
  const testid = `token-${purpose}`
  const shut = () => setOpen(false)
  const bridge = Boolean(config?.bridge)
  return (
    <>
      {owed &&
        frame(
          bridge && (
            <div class="row">
              <Button kind={danger ? 'danger' : 'primary'} off={!provider} onClick={() => setOpen(true)} testid={testid}>
                {u('signOnly')}
              </Button>
            </div>
          ),
        )}
      {open && provider && (
        <UKeyDialog
          title={purpose === 'replace' ? r('proveTitle') : u('ackTitle')}
          fallback={`[data-testid="${testid}"]`}
          forText={u('holder')}
          who={n.certificate.holder_name}
          request={
            purpose === 'replace' ? { purpose, renewal: n.id, account: n.account.id } : { purpose, certificate: n.certificate.id, account: n.account.id }
          }
          provider={provider}
          only={purpose === 'replace' ? n.successor?.fingerprint : n.certificate.fingerprint}
          onlyMissing={u(purpose === 'replace' ? 'newMissing' : 'oneMissing')}
          signText={u('signOnly')}
          failedText={u('nothingDone')}
          onBack={shut}
          onClose={shut}
          onDone={() => {
            shut()
            // The page follows the renewal by itself; this only makes it sooner.
            void call<Renewal>('GET', `/v1/renewals/${encodeURIComponent(n.id)}`).then(take, () => undefined)
          }}
        />
      )}
    </>
  )
}
