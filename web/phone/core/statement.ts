// The statement: what the holder reads and signs. Its bytes come from the
// server and are signed exactly as they came; this file reads them, and refuses
// whatever could be read in two ways.
import { utf8, equal, type Bytes } from './bytes'

export const maxStatement = 16 << 10
const maxDepth = 4

export interface Party {
  id: string
  name: string
  organisation_id: string
  organisation: string
}

export interface Statement {
  bytes: Bytes // to sign, and never anything else
  version: string
  id: string
  purpose: string
  audience: string
  nonce: string
  issuedAt: string
  expiresAt: string
  actor: Party
  subject: Party // the actor, where the statement names no other
  details: Record<string, string>
  requester: Record<string, string>
  fields: Field[] // every leaf, in the order of the bytes
}

export interface Field {
  path: string
  value: string
}

export type Refusal =
  | 'statement_malformed'
  | 'statement_not_canonical'
  | 'statement_version'
  | 'statement_audience'
  | 'statement_purpose'
  | 'statement_expired'
  | 'statement_key'

export class StatementError extends Error {
  constructor(readonly code: Refusal) {
    super(code)
  }
}

type Tree = string | { [name: string]: Tree }

export function readStatement(bytes: Bytes): Statement {
  if (bytes.length === 0 || bytes.length > maxStatement) throw new StatementError('statement_malformed')
  let tree: Tree
  try {
    // A byte order mark would be dropped silently; ignoreBOM keeps it, and JSON.parse refuses it.
    tree = strings(JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)), 0)
  } catch (e) {
    throw e instanceof StatementError ? e : new StatementError('statement_malformed')
  }
  if (typeof tree === 'string') throw new StatementError('statement_malformed')
  // Two members of one name, white space, another order or spelling: all of them
  // show here, as bytes that differ from the one canonical form (RFC 8785).
  if (!equal(utf8(canonical(tree)), bytes)) throw new StatementError('statement_not_canonical')

  const top = new Members(tree)
  const actor = party(top.object('actor'))
  const statement: Statement = {
    bytes,
    version: top.text('version'),
    id: top.text('id'),
    purpose: top.text('purpose'),
    audience: top.text('audience'),
    nonce: top.text('nonce'),
    issuedAt: top.time('issued_at'),
    expiresAt: top.time('expires_at'),
    actor,
    subject: top.has('subject') ? party(top.object('subject')) : actor,
    details: leaves(top.object('details')),
    requester: leaves(top.object('requester')),
    fields: [...flatten(tree, '')],
  }
  if (!/^[A-Za-z0-9_-]{43}$/.test(statement.nonce)) throw new StatementError('statement_malformed')
  return statement
}

export interface Expected {
  audience: string // this server's origin
  purpose: string // what the code said
  now: number // the server's time
  keyName?: string // where a new key is to be certified
}

// checkStatement refuses a statement that is not meant for this phone, now, and
// for what was scanned. It is called before it is shown and again before signing.
export function checkStatement(s: Statement, want: Expected): void {
  if (s.version !== '1') throw new StatementError('statement_version')
  if (s.audience !== want.audience) throw new StatementError('statement_audience')
  if (s.purpose !== want.purpose) throw new StatementError('statement_purpose')
  if (Date.parse(s.expiresAt) <= want.now) throw new StatementError('statement_expired')
  if (s.details.public_key_sha256 !== want.keyName) throw new StatementError('statement_key')
}

// Half of a surrogate pair: not a character, and no UTF-8 could carry it.
const broken = /[\ud800-\udfff]/u

// strings lets nothing through but objects whose leaves are strings, and none
// with half a character in them.
function strings(value: unknown, depth: number): Tree {
  if (typeof value === 'string') {
    if (broken.test(value)) throw new StatementError('statement_malformed')
    return value
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value) || depth > maxDepth) throw new StatementError('statement_malformed')
  // No prototype: a member may be called anything, __proto__ included.
  const out: { [name: string]: Tree } = Object.create(null)
  for (const [name, member] of Object.entries(value)) {
    if (broken.test(name)) throw new StatementError('statement_malformed')
    out[name] = strings(member, depth + 1)
  }
  return out
}

// canonical is RFC 8785 for trees of strings: members by their UTF-16 units, which is
// how JavaScript sorts, and strings as ECMAScript writes them.
export function canonical(tree: Tree): string {
  if (typeof tree === 'string') return JSON.stringify(tree)
  return `{${Object.keys(tree)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonical(tree[name]!)}`)
    .join(',')}}`
}

function* flatten(tree: Tree, path: string): Generator<Field> {
  if (typeof tree === 'string') {
    yield { path, value: tree }
    return
  }
  const names = Object.keys(tree)
  if (names.length === 0 && path !== '') yield { path, value: '' } // empty, and shown as such
  for (const name of names) yield* flatten(tree[name]!, join(path, name))
}

// A dot or backslash inside a name is escaped, so that no field can pass for
// another by its name.
function join(path: string, name: string): string {
  const step = name.replace(/[.\\]/g, '\\$&')
  return path === '' ? step : `${path}.${step}`
}

class Members {
  constructor(private readonly tree: { [name: string]: Tree }) {}

  has(name: string): boolean {
    return this.tree[name] !== undefined
  }
  text(name: string): string {
    const value = this.tree[name]
    if (typeof value !== 'string' || value === '') throw new StatementError('statement_malformed')
    return value
  }
  object(name: string): { [name: string]: Tree } {
    const value = this.tree[name]
    if (value === undefined || typeof value === 'string') throw new StatementError('statement_malformed')
    return value
  }
  time(name: string): string {
    const value = this.text(name)
    if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(value) || Number.isNaN(Date.parse(value))) throw new StatementError('statement_malformed')
    return value
  }
}

function party(tree: { [name: string]: Tree }): Party {
  const m = new Members(tree)
  const text = (name: string) => (typeof tree[name] === 'string' ? tree[name] : '')
  return { id: m.text('id'), name: m.text('name'), organisation_id: text('organisation_id'), organisation: text('organisation') }
}

function leaves(tree: { [name: string]: Tree }): Record<string, string> {
  const out: Record<string, string> = Object.create(null)
  for (const [name, value] of Object.entries(tree)) if (typeof value === 'string') out[name] = value
  return out
}

// visible shows what would otherwise work on the text unseen: controls, the marks
// that turn the direction of writing, characters without width, odd spaces.
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}\u00a0\u1680\u2000-\u200a\u202f\u205f\u115f\u1160\u3164\uffa0\u034f\u17b4\u17b5\ufe00-\ufe0f]/gu, (c) => `⟨U+${c.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}⟩`)
}
