import { call } from '../state'
import type { Candidate, Renewal } from './model'

// start begins the renewal of a certificate, or finds the one under way.
export function start(c: Candidate): Promise<Renewal> {
  return call<Renewal>('POST', '/v1/renewals', { body: { certificate: c.certificate.id ?? '' } })
}
