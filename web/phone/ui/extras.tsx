// What a refusal carries besides its sentence, where it helps a person on: the
// two numbers that do not agree (masked by the server), whom to call.
import { dateTime } from '../../shared/format'
import { t } from '../words/confirm'
import { Text } from './bits'

export function Extras({ of }: { of: Record<string, unknown> | undefined }) {
  if (!of) return null
  const text = (name: string) => (typeof of[name] === 'string' ? of[name] : '')
  const facts: [string, string][] = []
  if (text('certificate_value') && text('account_value')) {
    const field = text('field') === 'organisation' ? t('creditCode') : t('idNumber')
    facts.push([t('inCertificate', { field }), text('certificate_value')], [t('inAccount', { field }), text('account_value')])
  }
  if (text('not_before')) facts.push([t('validFrom'), dateTime(text('not_before'))])
  if (text('not_after')) facts.push([t('validUntil'), dateTime(text('not_after'))])
  const phones = Array.isArray(of.phones) ? of.phones.filter((p) => typeof p === 'string') : []
  if (facts.length === 0 && phones.length === 0) return null
  return (
    <div class="extras" data-testid="extras">
      {facts.map(([name, value]) => (
        <p key={name}>
          {name}: <Text class="mono">{value}</Text>
        </p>
      ))}
      {phones.map((number) => (
        <p key={number}>
          {t('callProvider')}: <a href={`tel:${number.replace(/[^\d+]/g, '')}`}>{number}</a>
        </p>
      ))}
    </div>
  )
}
