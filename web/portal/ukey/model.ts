import type { QRSession } from '../../shared/model'

// A statement for a U-Key, as the server shows it to the page that began it.
export interface UKeySession {
  id: string
  purpose: string
  state: 'open' | 'accepted' | 'confirmed' | 'failed' | 'cancelled' | 'expired'
  expires_at: string
  statement: string
  result?: QRSession['result']
  failure?: QRSession['failure']
}
