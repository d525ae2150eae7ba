// Addresses after the #, so that the server needs to know only one page.
import { useEffect, useState } from 'preact/hooks'
import type { Role } from '../shared/model'

export const paths = {
  bindings: '/ca/bindings',
  apply: '/ca/apply',
  certificates: '/ca/certificates',
  renew: '/ca/renew',
  cashier: '/ca/cashier',
  invoice: '/ca/invoice',
  downloads: '/downloads',
  phones: '/phones',
  account: '/account',
  organisations: '/operator/organisations',
  accounts: '/operator/accounts',
  audit: '/operator/audit',
  messages: '/operator/messages',
  review: '/review',
  issuing: '/review/issuing',
  reviewRenewals: '/review/renewals',
  reviewTokens: '/review/ukeys',
  reviewPayments: '/review/payments',
  reviewInvoices: '/review/invoices',
  integrator: '/integrator',
} as const

export type Place = keyof typeof paths

// Places that are about one thing: its id follows in the address, "/ca/cashier/…".
const items: ReadonlySet<Place> = new Set<Place>(['cashier', 'invoice', 'renew', 'apply', 'review', 'accounts'])

const open: Partial<Record<Place, Role[]>> = {
  bindings: ['admin', 'employee'],
  apply: ['admin', 'employee'],
  certificates: ['admin', 'employee', 'reviewer', 'operator'],
  renew: ['admin', 'employee'],
  cashier: ['admin', 'employee'],
  invoice: ['admin', 'employee'],
  organisations: ['operator'],
  phones: ['admin', 'employee'],
  accounts: ['operator', 'admin'],
  audit: ['operator'],
  messages: ['operator'],
  review: ['reviewer'],
  issuing: ['reviewer'],
  reviewRenewals: ['reviewer'],
  reviewTokens: ['reviewer'],
  reviewPayments: ['reviewer', 'operator'],
  reviewInvoices: ['reviewer', 'operator'],
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

function pathOf(hash: string): string {
  return hash.replace(/^#/, '').replace(/\?.*$/, '')
}

export function placeOf(hash: string): Place | 'unknown' | '' {
  const path = pathOf(hash)
  if (path === '' || path === '/') return ''
  const places = Object.entries(paths) as [Place, string][]
  const found = places.find(([, p]) => p === path) ?? places.find(([place, p]) => items.has(place) && path.startsWith(`${p}/`) && itemIn(path, p) !== '')
  return found ? found[0] : 'unknown'
}

const itemIn = (path: string, place: string) => /^[A-Za-z0-9_-]{1,64}$/.exec(path.slice(place.length + 1))?.[0] ?? ''

// The id in the address of a place that is about one thing; '' for none.
export function itemOf(hash: string): string {
  const place = placeOf(hash)
  return place === '' || place === 'unknown' ? '' : itemIn(pathOf(hash), paths[place])
}

export function href(place: Place, item?: string): string {
  return `#${paths[place]}${item ? `/${item}` : ''}`
}

export function go(place: Place, item?: string): void {
  location.hash = href(place, item)
}

export function usePlace(): { place: Place | 'unknown' | ''; item: string } {
  const [hash, setHash] = useState(() => location.hash)
  useEffect(() => {
    const moved = () => setHash(location.hash)
    addEventListener('hashchange', moved)
    moved() // what changed since it was first read
    return () => removeEventListener('hashchange', moved)
  }, [])
  return { place: placeOf(hash), item: itemOf(hash) }
}
