// The shapes of renewals, as the OpenAPI document has them.
import type { CertificateView, Medium, NamedProvider } from '../../shared/model'
import type { IdentityCheck } from '../apply/model'

export const states = ['payment', 'extension', 'extending', 'extended', 'refunding', 'refunded', 'cancelled'] as const
export type RenewalState = (typeof states)[number]

export interface ProviderLine extends NamedProvider {
  phones: string[]
}

export interface Refusal {
  code: string
  title_zh: string
  title_en: string
  extra?: Record<string, unknown>
}

export interface Guard {
  certificate: string
  open: { tender: string; opens_at: string }[]
  acknowledged: boolean
  evidence?: string
  last_opening?: string
  rehearsed_at?: string
  // Where a decryption can be rehearsed first.
  rehearse?: { medium: 'mobile' | 'ukey'; binding?: string }
  advice_zh: string
  advice_en: string
  provider: ProviderLine
}

export interface Prompt {
  id: string
  purpose: string
  state: 'waiting' | 'open' | 'accepted' | 'confirmed' | 'failed' | 'rejected' | 'expired' | 'cancelled' | 'collapsed'
  opens_at?: string
  seen_at?: string
  expires_at: string
  device: { name: string }
}

export type Step = 'material' | 'review' | 'approved' | 'rejected' | 'done'

export interface Renewal {
  id: string
  state: RenewalState
  medium: Medium
  certificate: {
    id: string
    fingerprint: string
    serial: string
    holder_name: string
    organisation_name: string
    not_after: string
    provider: ProviderLine
    product: string
  }
  account: { id: string; name: string; organisation: string }
  price_fen: number
  term_days: number
  order?: string
  created_at: string
  paid_at?: string
  ended_at?: string
  expired: boolean
  identity_proved: boolean
  // To the holder, while it is needed: the face check.
  identity?: IdentityCheck
  failure?: Refusal
  prompt?: Prompt
  guard?: Guard
  successor?: { id: string; fingerprint?: string; not_after: string; evidence?: string }
  course?: { url: string; step: Step; note?: string; left_at: string; stepped_at: string; proved: boolean }
  history?: { at: string; act: string; by: string; note?: string }[]
}

export interface Candidate {
  certificate: CertificateView
  medium: Medium
  provider: ProviderLine
  account: { id: string; name: string; organisation: string }
  binding?: string
  renewable: boolean
  due: boolean
  price_fen: number
  term_days: number
  refusal?: Refusal
  renewal?: string
  open_bids?: { count: number; last_opening: string }
}

// moving says whether a renewal can change while somebody looks.
export function moving(r: Renewal): boolean {
  return r.state === 'payment' || r.state === 'extension' || r.state === 'extending' || r.state === 'refunding' || (r.course?.step === 'done' && !r.course.proved)
}
