// The shapes of phones, as the OpenAPI document has them.
import { visible } from '../../shared/format'
import type { Candidate, NamedProvider, Page } from '../../shared/model'
import { f } from './words'

export interface Held {
  id?: string
  state: string
  provider: NamedProvider
  holder_name: string
  organisation_name: string
  serial?: string
  not_after: string
  account: { id: string; name: string }
  bound: boolean
}

export interface OwnedPhone {
  id: string
  name: string
  platform: string
  created_at: string
  seen_at: string
  removed_at?: string
  pin_locked: boolean
  certificates: Held[]
  others: number
  open_bids?: { count: number; last_opening: string }
  acts: string[]
}

export interface OwnedPhones extends Page<OwnedPhone> {
  account: Candidate
}

// The phone app says what it runs on; in a browser it is the web app.
export function platformName(p: OwnedPhone): string {
  return p.platform === 'web' ? f('web') : visible(p.platform)
}
