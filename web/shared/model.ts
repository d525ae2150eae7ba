// The shapes of the server's JSON that pages use (the OpenAPI document is the
// contract; these are its fields, spelled once).
export type Role = 'admin' | 'employee' | 'reviewer' | 'operator' | 'integrator'
export type Medium = 'mobile' | 'ukey'
export type Purpose = 'bind' | 'enroll' | 'extend' | 'acknowledge' | (string & {})

export interface DemoLogin {
  login: string
  name: string
  role: Role
  organisation: string
  password: string
}

export interface Product {
  id: string
  name_zh: string
  name_en: string
  algorithm: string
  provider: string
}

export interface Config {
  name: string
  version: string
  demo: boolean
  origin: string
  languages: string[]
  // Where the desktop bridge for U-Keys listens, and where it is to be had; absent
  // where U-Keys are not used.
  bridge?: { origin: string; version: string; download?: string }
  demo_logins?: DemoLogin[]
  products?: Product[]
  typed_code: boolean
}

export interface SessionView {
  account: { id: string; login: string; name: string; roles: Role[]; organisation?: { id: string; name: string; credit_code?: string } }
  via: string
  expires_at: string
  totp: { enabled: boolean }
  letters: LettersView
}

// How somebody wants to be written to; '' stands for both languages, and for no address.
export interface LettersView {
  on: boolean
  language: '' | 'zh-CN' | 'en'
  address: string
}

export interface Organisation {
  id: string
  name: string
  credit_code: string
  credit_code_doubtful?: boolean
}

export interface PhoneLine {
  label_zh: string
  label_en: string
  number: string
}

export interface Provider {
  id: string
  name_zh: string
  name_en: string
  aliases: string[]
  phones: PhoneLine[]
  media: Medium[]
  media_names?: Partial<Record<Medium, { zh: string; en: string }>>
  bindable: boolean
  applicable: boolean
  asks_pin: boolean
  drivers: { os: 'windows' | 'macos' | 'linux'; url: string }[]
  available: { mobile: boolean; ukey: boolean }
  identity_check: boolean
}

export interface NamedProvider {
  id: string
  name_zh: string
  name_en: string
}

export interface Candidate {
  id: string
  login: string
  name: string
  roles: Role[]
  mobile_masked?: string
  bindings?: number
  state?: string
}

export interface CertificateView {
  fingerprint: string
  serial: string
  subject: string
  holder_name: string
  organisation_name: string
  algorithm: string
  not_before: string
  not_after: string
  // Of one that was issued here.
  id?: string
  state?: string
}

export interface Binding {
  id: string
  state: 'active' | 'unbound' | (string & {})
  medium: Medium
  provider: NamedProvider
  certificate: CertificateView
  // The encryption twin, where there is one.
  pair?: CertificateView
  decrypts?: boolean
  account: { id: string; login: string; name: string }
  organisation: { id: string; name: string }
  slot: number
  bound_at: string
  bound_by: { id: string; name: string }
  unbound_at?: string
  unbound_by?: { id: string; name: string }
  acts: string[]
  evidence_id?: string
}

export interface Page<T> {
  items: T[]
  next?: string
}

export const sessionStates = ['created', 'scanned', 'accepted', 'confirmed', 'failed', 'rejected', 'cancelled', 'expired'] as const
export type SessionState = (typeof sessionStates)[number]

export interface QRSession {
  id: string
  purpose: Purpose
  state: SessionState
  seq: number
  created_at: string
  expires_at: string
  code?: string
  match: { required: boolean; done: boolean; tries_left: number }
  typed_code_active: boolean
  device?: { name: string }
  subject?: { id: string; name: string; organisation: string }
  details: Record<string, string>
  result?: { kind: 'binding'; id: string; binding: Binding } | { kind: 'certificate'; id: string; certificate: CertificateView } | { kind: 'request'; id: string }
  failure?: { code: string; title_zh: string; title_en: string; extra?: Record<string, unknown> }
  reason?: { code: string; text?: string }
  // Only for callers with a token: cookie callers get it as a cookie.
  browser_secret?: string
}

export interface Frame {
  code: string
  counter: number
  expires_at: string
}

const final: ReadonlySet<string> = new Set(['confirmed', 'failed', 'rejected', 'cancelled', 'expired'])

export function isOver(state: string): boolean {
  return final.has(state)
}

export interface AuditEntry {
  id: string
  at: string
  act: string
  organisation?: string
  account?: string
  data: Record<string, string>
}

// Why a certificate is revoked, as far as people may say so.
export type RevokeReason = 'key_compromise' | 'affiliation_changed' | 'cessation_of_operation' | 'privilege_withdrawn' | 'unspecified'
