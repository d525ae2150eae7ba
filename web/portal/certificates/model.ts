import type { Medium, NamedProvider } from '../../shared/model'

// A certificate, or one in the making, as the lists of the portal show it.
export interface CertificateRecord {
  id: string
  state: string // issuing, waiting, declined, active, expired, superseded, revoked
  product: string
  product_name: { zh: string; en: string }
  provider: NamedProvider
  medium: Medium
  holder_name: string
  organisation_name: string
  account: { id: string; name: string }
  algorithm?: string
  serial?: string
  fingerprint?: string
  not_before: string
  not_after: string
  created_at: string
  waiting_since?: string
  ended_at?: string
  reason?: string
  note?: string
  encryption?: { serial: string; maker: 'authority' | 'holder'; escrowed: boolean }
  acts: string[]
}
