// 我的证书 → 更多 → 吊销/挂失, by the phone that holds the key.
import { RevokeForm } from '../../shared/ui'
import { t } from '../words/revoke'
import { Text } from './bits'
import { OpenBids } from './extend'
import { useLoad, usePhone } from './use'

interface Props {
  id: string
  holder: string
  account: string | undefined // that it is bound to
  onClose: () => void
  onDone: () => void
}

export function RevokeDialog(p: Props) {
  const phone = usePhone()
  const guard = useLoad(() => phone.bids(p.id), [p.id])
  return (
    <RevokeForm
      phone
      holder={p.holder}
      bids={guard.data && guard.data.open.length > 0 ? <OpenBids guard={guard.data} advice={t('bidsLost')} /> : guard.problem && <p>{t('bidsUnknown')}</p>}
      revoke={(reason) => phone.revoke(p.id, reason)}
      onClose={p.onClose}
      onDone={p.onDone}
    >
      {p.account && (
        <p>
          <Text>{t('bound', { account: p.account })}</Text>
        </p>
      )}
    </RevokeForm>
  )
}
