// The shapes of applications in the server's JSON.
import type { Medium, NamedProvider } from '../../shared/model'

export const states = ['draft', 'identity', 'payment', 'review', 'rejected', 'making', 'issued', 'withdrawn'] as const
export type State = (typeof states)[number]

export interface Bilingual {
  zh: string
  en: string
}

export interface Offer {
  id: string
  name: Bilingual
  provider: NamedProvider
  medium: Medium
  algorithm: string
  term_days: number
  price_fen: number
  terms: { version: string; zh: string[]; en: string[] }
  custody: { maker: 'holder' | 'authority'; escrow: boolean; zh: string; en: string }
}

export interface Actor {
  id: string
  name?: string
}

export interface Summary {
  id: string
  number: string
  state: State
  product: string
  product_name: Bilingual
  provider: NamedProvider
  medium: Medium
  holder: string
  organisation: string
  account: Actor
  account_organisation: { id: string; name: string }
  amount_fen: number
  order?: string
  paid_at?: string
  waits_for?: 'applicant' | 'papers' | 'reviewer' | 'authority'
  submitted: number
  created_at: string
  since: string
  issued_at?: string
  certificate?: string
  acts: string[]
  held_by?: { by: Actor; until: string }
  decided?: boolean
}

export const fields = ['organisation', 'credit_code', 'holder', 'document', 'id_number', 'mobile', 'email', 'recipient', 'recipient_mobile', 'address'] as const
export type FieldName = (typeof fields)[number]
export type Form = Record<FieldName, string>

export const documents = ['id_card', 'passport', 'hk_macao_permit', 'taiwan_permit', 'residence_permit'] as const

export const slots = ['licence', 'authorisation'] as const
export type Slot = (typeof slots)[number]

export interface Paper {
  slot: Slot
  id: string
  name: string
  kind: string
  size: number
  at: string
}

export interface Reason {
  field: string
  code: string
  text?: string
}

export type Outcome = 'starting' | 'pending' | 'passed' | 'mismatched' | 'expired' | 'failed'

export interface Application extends Summary {
  edit: number
  form: Form
  masked: boolean
  erased_at?: string
  credit_code_doubtful: boolean
  files: Paper[]
  terms: { version: string; at: string; by: Actor }
  terms_now?: string
  identity: { way?: 'face' | 'mail' | 'onsite'; outcome?: Outcome; verified_at?: string; verified_by?: Actor }
  reasons: Reason[]
  shipment?: { carrier: string; number?: string; at: string; by: Actor }
  replaces?: string
  // How its certificate stands, extensions included.
  standing?: { certificate: string; state: string; not_after: string }
  history: { at: string; act: string; by: Actor; note?: string }[]
  changes?: string[]
  differs?: string[]
  decision?: { accept: boolean; reasons?: Reason[]; by: Actor; at: string; due: string }
}

export interface IdentityCheck {
  face: boolean
  sandbox: boolean
  left: number
  state?: Outcome
  url?: string
  until?: string
}

// The steps of the course, and at which of them a state is.
export const steps = ['terms', 'form', 'identity', 'payment', 'review'] as const

export function stepOf(state: State): number {
  switch (state) {
    case 'draft':
    case 'rejected':
      return 1
    case 'identity':
      return 2
    case 'payment':
      return 3
    default:
      return 4
  }
}
