// The statement before the holder's eyes: all of it.
import type { ComponentChildren } from 'preact'
import { dateTime } from '../../shared/format'
import type { Hint } from '../core/model'
import type { Field, Statement } from '../core/statement'
import { fieldWords, valueWords } from '../words/fields'
import { t } from '../words/confirm'
import { visible } from '../core/statement'
import { Text } from './bits'
import { layoutOf, type Group } from './layout'

interface Props {
  statement: Statement
  hints: Hint[]
  // What stands between the facts and the rest.
  children?: ComponentChildren
}

export function StatementFields({ statement, hints, children }: Props) {
  const { groups, details, unknown, rest } = layoutOf(statement, (path) => fieldWords.has(path))
  return (
    <>
      <dl class="facts-phone">
        {groups.map((g) => (
          <GroupRow key={g.title} group={g} hints={hints} />
        ))}
        {details.map((f) => (
          <Row key={f.path} field={f} hints={hints} />
        ))}
        {unknown.map((f) => (
          <Row key={f.path} field={f} hints={hints} unknown />
        ))}
      </dl>
      {children}
      <section class="rest">
        <h2>{t('all')}</h2>
        <dl class="facts-phone facts-small">
          {rest.map((f) => (
            <Row key={f.path} field={f} hints={hints} />
          ))}
        </dl>
        <p class="muted small">{t('allNote')}</p>
      </section>
    </>
  )
}

function GroupRow({ group, hints }: { group: Group; hints: Hint[] }) {
  const strong = group.title.startsWith('forWhom')
  return (
    <div class={strong ? 'fact fact-strong' : 'fact'}>
      <dt>{t(group.title)}</dt>
      <dd>
        {group.itself && <span>{t('byItself')}</span>}
        {group.fields.map((f, i) => (
          <span key={f.path} class={i === 0 ? 'part part-first' : 'part'}>
            {i > 0 && (
              <span class="dot" aria-hidden="true">
                {'\u00a0· '}
              </span>
            )}
            <Value field={f} />
          </span>
        ))}
        {group.fields.map((f) => (
          <Changed key={f.path} field={f} hints={hints} />
        ))}
      </dd>
    </div>
  )
}

function Row({ field, hints, unknown }: { field: Field; hints: Hint[]; unknown?: boolean }) {
  return (
    <div class={unknown ? 'fact fact-unknown' : 'fact'}>
      <dt>{fieldWords.has(field.path) ? fieldWords(field.path) : <Text class="mono">{field.path}</Text>}</dt>
      <dd>
        <Value field={field} />
        {unknown && <span class="fact-note">{t('raw')}</span>}
        <Changed field={field} hints={hints} />
      </dd>
    </div>
  )
}

const mono = /(^|\.)(id|organisation_id|nonce|audience|application|renewal|certificate|certificate_id|certificate_serial|bids_sha256|public_key_sha256|encryption_key_sha256|ip|provider|product|version)$/

// Value writes a field the way people read it; the exact text is never lost:
// where the two differ, both are shown.
function Value({ field }: { field: Field }) {
  const { path, value } = field
  const key = `${path}=${value}`
  const time = /(_at|not_before|not_after|valid_until|term_from|_opening)$/.test(path) && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value)
  const testid = `field-${path}`
  if (value === '')
    return (
      <span class="muted" data-testid={testid} data-value="">
        {t('empty')}
      </span>
    )
  const text = time ? dateTime(value) : valueWords.has(key) ? valueWords(key) : visible(value)
  return (
    <bdi class={mono.test(path) ? 'mono' : undefined} data-testid={testid} data-value={value}>
      {text}
      {time && path !== 'requester.started_at' && <span class="exact">{value}</span>}
    </bdi>
  )
}

function Changed({ field, hints }: { field: Field; hints: Hint[] }) {
  const hint = hints.find((h) => h.field === field.path)
  if (!hint) return null
  return (
    <span class="hint-changed" data-testid={`hint-${field.path}`}>
      {t('changed')}
      {hint.was ? <Text>{t('was', { was: hint.was })}</Text> : null}
    </span>
  )
}
