import { dateTime, groups, visible } from '../../shared/format'
import { either } from '../../shared/i18n'
import { Button, Dialog, reasonName } from '../../shared/ui'
import { algorithmName } from '../bindings/words'
import { mediumName, providerName } from '../words'
import type { CertificateRecord } from './model'
import { c, stateName } from './words'

// custody says of an encryption key who made it, and whether there is a copy.
export function custody(x: CertificateRecord): string {
  if (!x.encryption) return x.state === 'waiting' || x.state === 'declined' ? '' : c('noEncryption')
  return `${c(x.encryption.maker === 'authority' ? 'keyOfAuthority' : 'keyOfHolder')}${either('；', '; ')}${c(x.encryption.escrowed ? 'escrowed' : 'notEscrowed')}`
}

export function CertificateDetails({ record: x, onClose, onRevoke }: { record: CertificateRecord; onClose: () => void; onRevoke: () => void }) {
  const rows: [string, string, boolean?][] = [
    [c('holder'), [x.holder_name, x.organisation_name].filter(Boolean).map(visible).join(' · ')],
    [c('product'), `${either(x.product_name.zh, x.product_name.en)} · ${mediumName(x.medium)}`],
    [either('CA服务商', 'Provider'), providerName(x.provider)],
    [c('account'), visible(x.account.name)],
    [c('state'), stateName(x.state)],
    [c('why'), visible(x.note ?? '')],
    [c('waitingSince'), x.waiting_since ? dateTime(x.waiting_since) : ''],
    [c('revokedAt'), x.state === 'revoked' && x.ended_at ? dateTime(x.ended_at) : ''],
    [c('reason'), x.reason ? reasonName(x.reason) : ''],
    [c('validFrom'), x.fingerprint ? dateTime(x.not_before) : ''],
    [c('validUntil'), x.fingerprint ? dateTime(x.not_after) : ''],
    [c('algorithm'), x.algorithm ? algorithmName(x.algorithm) : ''],
    [c('encryption'), custody(x)],
    [c('serial'), x.serial ?? '', true],
    [c('fingerprint'), x.fingerprint ? groups(x.fingerprint) : '', true],
  ]
  return (
    <Dialog title={c('detailsTitle')} onClose={onClose} testid="certificate-dialog">
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
      {x.acts.includes('revoke') && (
        <div class="dialog-foot">
          <Button kind="quiet-danger" onClick={onRevoke} testid="details-revoke">
            {c('revoke')}
          </Button>
        </div>
      )}
    </Dialog>
  )
}
