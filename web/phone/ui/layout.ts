// Which fields of a statement stand together, in the order in which a person
// decides: for whom, by whom, from where and when, what. Every field stands
// somewhere; what no group claims is shown by itself, and what only machines
// read comes last.
import type { Field, Statement } from '../core/statement'

export interface Group {
  title: 'forWhom' | 'forWhomEnroll' | 'forWhomOther' | 'byWhom' | 'fromWhere' | 'when' | 'provider' | 'product' | 'encryptionKey'
  fields: Field[]
  // Nobody but the person itself asks for it.
  itself?: boolean
}

export interface Layout {
  groups: Group[]
  details: Field[] // the purpose's own, one by one
  unknown: Field[] // this app has no word for them
  rest: Field[]
}

const machine = /^(version|id|purpose|audience|nonce|issued_at|expires_at|actor\.(id|organisation_id)|subject\.(id|organisation_id)|details\.(provider|product|application|renewal|certificate|certificate_id|certificate_serial|bids_sha256|key_policy|algorithm|public_key_sha256|encryption_key_sha256|slot))$/

// Of the rest, what a careful reader looks for first.
const first = ['purpose', 'audience', 'issued_at', 'expires_at', 'id', 'nonce', 'version', 'actor.name', 'actor.organisation', 'details.algorithm', 'details.public_key_sha256']

// Of the purpose's own, what is decided about; the others follow as they stand.
const leading = ['holder_name', 'current_not_after', 'not_after', 'bids_count', 'bids', 'bids_first_opening', 'bids_last_opening', 'advice', 'phone', 'term_from'].map((n) => `details.${n}`)

export function layoutOf(s: Statement, known: (path: string) => boolean): Layout {
  const left = new Map(s.fields.map((f) => [f.path, f]))
  const take = (...paths: string[]) =>
    paths.flatMap((path) => {
      const field = left.get(path)
      left.delete(path)
      return field ? [field] : []
    })
  const groups: Group[] = []
  const add = (title: Group['title'], fields: Field[], itself?: boolean) => {
    if (fields.length > 0 || itself) groups.push({ title, fields, ...(itself ? { itself } : {}) })
  }
  const other = left.has('subject.name')
  const title = s.purpose === 'enroll' ? 'forWhomEnroll' : s.purpose === 'bind' ? 'forWhom' : 'forWhomOther'
  let asker: Field[] = []
  if (s.purpose === 'enroll' && s.details.applicant === s.subject.name && s.details.organisation === s.subject.organisation) {
    // Twice the same words: one line, and the other stands with the rest.
    add(title, take('details.applicant', 'details.organisation'))
    if (!other) asker = take('actor.name', 'actor.organisation')
  } else add(title, other ? take('subject.name', 'subject.organisation') : take('actor.name', 'actor.organisation'))
  if (left.has('actor.name')) add('byWhom', take('actor.name', 'actor.organisation'))
  else add('byWhom', [], true)
  add('fromWhere', take('requester.ip', 'requester.place', 'requester.browser'))
  add('when', take('requester.started_at'))
  if (s.purpose === 'enroll') add('product', take('details.product_name', 'details.provider_name'))
  else add('provider', take('details.provider_name', 'details.medium'))

  add('encryptionKey', take('details.encryption_key_maker', 'details.encryption_key_escrowed'))

  const rest: Field[] = asker
  const details: Field[] = []
  const unknown: Field[] = []
  for (const field of left.values()) {
    if (machine.test(field.path)) rest.push(field)
    else (known(field.path) ? details : unknown).push(field)
  }
  const place = (f: Field) => (leading.indexOf(f.path) + leading.length + 1) % (leading.length + 1)
  details.sort((a, b) => place(a) - place(b))
  const order = (f: Field) => (first.indexOf(f.path) + first.length + 1) % (first.length + 1)
  rest.sort((a, b) => order(a) - order(b))
  return { groups, details, unknown, rest }
}
