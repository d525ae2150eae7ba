// Addresses after the #, so that the server needs to know only one page.
import { useEffect, useState } from 'preact/hooks'
import type { Role } from '../shared/model'

export const paths = {
  bindings: '/ca/bindings',
  apply: '/ca/apply',
  certificates: '/ca/certificates',
  renew: '/ca/renew',
  downloads: '/downloads',
  account: '/account',
  organisations: '/operator/organisations',
  accounts: '/operator/accounts',
  audit: '/operator/audit',
  review: '/review',
  issuing: '/review/issuing',
  integrator: '/integrator',
} as const

export type Place = keyof typeof paths

const open: Partial<Record<Place, Role[]>> = {
  bindings: ['admin', 'employee'],
  apply: ['admin', 'employee'],
  certificates: ['admin', 'employee'],
  renew: ['admin', 'employee'],
  organisations: ['operator'],
  accounts: ['operator'],
  audit: ['operator'],
  review: ['reviewer'],
  issuing: ['reviewer'],
  integrator: ['integrator'],
}

export function allowed(place: Place, roles: Role[]): boolean {
  const needs = open[place]
  return !needs || needs.some((r) => roles.includes(r))
}

// Where somebody with these roles begins.
export function home(roles: Role[]): Place {
  const order: Place[] = ['bindings', 'accounts', 'review', 'integrator']
  return order.find((p) => allowed(p, roles)) ?? 'account'
}

export function placeOf(hash: string): Place | 'unknown' | '' {
  const path = hash.replace(/^#/, '').replace(/\?.*$/, '')
  if (path === '' || path === '/') return ''
  const found = Object.entries(paths).find(([, p]) => p === path)
  return found ? (found[0] as Place) : 'unknown'
}

export function href(place: Place): string {
  return `#${paths[place]}`
}

export function go(place: Place): void {
  location.hash = paths[place]
}

export function usePlace(): Place | 'unknown' | '' {
  const [place, setPlace] = useState(() => placeOf(location.hash))
  useEffect(() => {
    const moved = () => setPlace(placeOf(location.hash))
    addEventListener('hashchange', moved)
    return () => removeEventListener('hashchange', moved)
  }, [])
  return place
}
