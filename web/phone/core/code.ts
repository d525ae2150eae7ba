// What a camera, a link or a person can hand in: the code of this server, of
// another one, or something else altogether.

export type Purpose = 'bind' | 'enroll' | 'extend' | 'acknowledge' | 'login' | 'sign' | 'decrypt'

const letters: Record<string, Purpose> = { b: 'bind', e: 'enroll', x: 'extend', a: 'acknowledge', l: 'login', s: 'sign', d: 'decrypt' }

export const maxLink = 150

export type Scanned =
  | { kind: 'ours'; code: string; purpose: Purpose | undefined }
  | { kind: 'elsewhere'; host: string } // a code like ours, of another server
  | { kind: 'broken' } // begins like ours and is not whole
  | { kind: 'foreign' } // anything else: a payment code, a menu, …

const form = /^([a-z])[A-Za-z0-9_-]{22}\.(?:\d{1,10}|L[A-Za-z0-9_-]{11,64})\.[A-Za-z0-9_-]{22}$/

export function readLink(text: string, origin: string): Scanned {
  if (text.startsWith(origin + '/q/')) {
    const m = form.exec(text.slice(origin.length + 3))
    if (!m || text.length > maxLink) return { kind: 'broken' }
    return { kind: 'ours', code: text, purpose: letters[m[1]!] }
  }
  const other = /^https?:\/\/([^/?#\s@]{1,253})\/q\//i.exec(text)
  if (other && form.test(text.slice(other[0].length))) return { kind: 'elsewhere', host: other[1]!.toLowerCase() }
  return { kind: 'foreign' }
}

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ' // Crockford's base 32: no I, L, O or U

// cleanTyped is what stands in the field while a person types: at most ten
// characters of the alphabet, in two groups.
export function cleanTyped(text: string): string {
  const kept = fold(text).slice(0, 10)
  return kept.length > 5 ? `${kept.slice(0, 5)}-${kept.slice(5)}` : kept
}

// readTyped is the code to send, or undefined while it is not whole.
export function readTyped(text: string): string | undefined {
  const clean = cleanTyped(text)
  return clean.length === 11 ? clean : undefined
}

function fold(text: string): string {
  return [...text.normalize('NFKC').toUpperCase()]
    .map((c) => (c === 'O' ? '0' : c === 'I' || c === 'L' ? '1' : c))
    .filter((c) => alphabet.includes(c))
    .join('')
}
