// 吊销证书, as the portal does it: what hangs on the certificate is asked of the server.
import type { RevokeReason } from '../../shared/model'
import { RevokeForm } from '../../shared/ui'
import { BidsWarning } from '../renew/warning'
import { call } from '../state'
import { c } from './words'

interface Props {
  id: string
  holder: string
  about?: string // which of the holder's it is
  bound?: boolean
  staff?: boolean // revoked by the authority or the operator, for somebody else
  first?: RevokeReason // the reason that suggests itself
  foreign?: string // the provider's name, where another authority has issued it
  onClose: () => void
  onDone: () => void
}

export function RevokeDialog(p: Props) {
  return (
    <RevokeForm
      holder={p.holder}
      about={p.about}
      staff={p.staff}
      first={p.first}
      bids={<BidsWarning certificate={p.id} otherwise={c('revokeBids')} />}
      revoke={(reason) => call('POST', `/v1/certificates/${encodeURIComponent(p.id)}/revoke`, { body: { reason } })}
      onClose={p.onClose}
      onDone={p.onDone}
    >
      {p.bound && <p>{c('revokeBinding')}</p>}
      {p.foreign && <p>{c('revokeForeign', { provider: p.foreign })}</p>}
    </RevokeForm>
  )
}
