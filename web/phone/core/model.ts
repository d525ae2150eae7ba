// What the server says to a phone, as the contract spells it.
import type { Algorithm } from './spki'

// unknown is the phone's own: signed, and gone before the answer came.
export type SessionState = 'open' | 'waiting' | 'created' | 'scanned' | 'accepted' | 'confirmed' | 'failed' | 'rejected' | 'cancelled' | 'expired' | 'unknown'

export const over = (state: string) => !['created', 'scanned', 'open', 'waiting', 'accepted'].includes(state)

export interface Provider {
  id: string
  name_zh: string
  name_en: string
}

export interface DeviceView {
  id: string
  name: string
  platform: string
  created_at: string
  pin: { set: boolean; tries_left?: number; locked?: boolean }
}

export interface Hint {
  kind?: string // first_time, changed
  field?: string
  was?: string
}

export interface Failure {
  code: string
  title_zh?: string
  title_en?: string
  extra?: Record<string, unknown>
}

export type SessionResult =
  | { kind: 'certificate'; id: string; certificate: string; chain?: string[]; provider?: Provider; encryption?: EncryptionView }
  // Handed in at an authority that has no interface: the certificate comes later.
  | { kind: 'request' | 'acknowledgement'; id: string }
  | { kind: 'binding'; id: string; account_name?: string; organisation_name?: string; provider_name?: string; bound_at?: string }

export interface PhoneSession {
  session: string
  claim?: string // in the answer to a scan only
  purpose: string
  state: SessionState
  expires_at: string
  match?: { required: boolean; done: boolean; digits?: string; tries_left?: number }
  // encryption_key: a second key is wanted, for an encryption certificate.
  key_request?: { algorithm: Algorithm; subject?: string; encryption_key?: boolean; keep?: string }
  signed_by: 'certificate' | 'device'
  provider?: Provider
  statement?: string
  hints?: Hint[]
  result?: SessionResult
  failure?: Failure
  reason?: { code: string; text?: string }
}

// One line of the list of sessions that this phone has claimed. Everything but
// the first three may be absent: the phone shows what there is.
export interface SessionSummary {
  session: string
  purpose: string
  state: SessionState
  created_at?: string
  scanned_at?: string
  ended_at?: string
  expires_at?: string
  subject?: { name?: string; organisation?: string }
  actor?: { name?: string; organisation?: string }
  details?: Record<string, string>
  provider?: Provider
  failure?: Failure
  reason?: { code: string; text?: string }
}

// The encryption certificate of a pair. envelope holds its key for the signing
// key alone, where the authority has made it.
export interface EncryptionView {
  certificate: string
  envelope?: string
  maker: string // authority, holder
  escrowed: boolean
}

// A request of this phone that has no certificate (yet).
export interface AskedView {
  id: string
  key: string
  state: string // waiting, declined
  provider?: Provider
  holder_name: string
  since: string
  note?: string
}

export interface CertificateView {
  id: string
  certificate: string
  chain?: string[]
  state: string // active, superseded, revoked, expired
  provider?: Provider
  account?: { name?: string; organisation?: string }
  binding?: { id: string; account_name?: string; bound_at?: string }
  // The renewal under way, bids that are not opened yet, and until when the key of
  // an ended certificate must stay for them.
  renewal?: { id: string; state: string }
  open_bids?: { count: number; last_opening: string }
  keep_until?: string
  encryption?: EncryptionView
}

export interface CertificatePage extends Page<CertificateView> {
  asked?: AskedView[]
}

// Bids encrypted to a certificate and not opened yet, and what to do first.
export interface GuardView {
  open: { tender: string; opens_at: string }[]
  acknowledged: boolean
  advice_zh: string
  advice_en: string
  provider: Provider & { phones: string[] }
}

export interface Page<T> {
  items: T[]
  next?: string
}

export interface Config {
  name: string
  version: string
  demo: boolean
  origin: string
}

export const rejectReasons = ['not_now', 'wrong_account', 'wrong_provider', 'no_certificate', 'other'] as const
export type RejectReason = (typeof rejectReasons)[number]
