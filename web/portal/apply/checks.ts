// What can be wrong with a field, said while the person is still at it. The
// server checks again; these rules are the same as its own.
import type { Medium } from '../../shared/model'
import { type FieldName, type Form, fields } from './model'
import { a } from './words'

const weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]

// GB 11643: eighteen characters, a day of birth that exists, and the check digit.
export function idNumberRight(text: string): boolean {
  const s = text.trim().toUpperCase()
  if (!/^[1-9]\d{16}[\dX]$/.test(s)) return false
  const [y, m, d] = [Number(s.slice(6, 10)), Number(s.slice(10, 12)), Number(s.slice(12, 14))]
  const born = new Date(Date.UTC(y, m - 1, d))
  if (y < 1850 || born.getUTCFullYear() !== y || born.getUTCMonth() !== m - 1 || born.getUTCDate() !== d) return false
  const sum = weights.reduce((n, w, i) => n + w * Number(s[i]), 0)
  return s[17] === '10X98765432'[sum % 11]
}

const codeAlphabet = '0123456789ABCDEFGHJKLMNPQRTUWXY'

// GB 32100's check character. Some legal codes fail it: a doubt, and no mistake.
export function creditCodeDoubtful(text: string): boolean {
  const s = text.trim().toUpperCase()
  if (s.length !== 18) return false // not typed yet, or a mistake of another kind
  let sum = 0
  let weight = 1
  for (const c of s.slice(0, 17)) {
    const v = codeAlphabet.indexOf(c)
    if (v < 0) return true
    sum += v * weight
    weight = (weight * 3) % 31
  }
  return s[17] !== codeAlphabet[(31 - (sum % 31)) % 31]
}

const plainPhone = (s: string) => s.replace(/[\s-]/g, '').replace(/^\+86/, '')
const mobileRight = (s: string) => /^1[3-9]\d{9}$/.test(plainPhone(s))

// '' is right. What is empty is missing only once the person hands it in.
export function mistakeOf(name: FieldName, form: Form, medium: Medium, atEnd: boolean): string {
  const v = form[name].trim()
  const delivery = name === 'recipient' || name === 'recipient_mobile' || name === 'address'
  if (delivery && medium !== 'ukey') return ''
  if (v === '') return atEnd ? a('missing', { field: a(name) }) : ''
  switch (name) {
    case 'credit_code':
      return /^[0-9A-Z]{18}$/.test(v.toUpperCase()) ? '' : a('badCode')
    case 'id_number':
      if (form.document === 'id_card') return idNumberRight(v) ? '' : a('badIdNumber')
      return /^[0-9A-Za-z()-]{5,24}$/.test(v) ? '' : a('badNumber')
    case 'mobile':
    case 'recipient_mobile':
      return mobileRight(v) ? '' : a('badMobile')
    case 'email':
      return /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(v) ? '' : a('badEmail')
    case 'address':
      return [...v].length >= 6 ? '' : a('badAddress')
  }
  return ''
}

export function mistakesOf(form: Form, medium: Medium): { field: FieldName; text: string }[] {
  return fields.map((field) => ({ field, text: mistakeOf(field, form, medium, true) })).filter((m) => m.text !== '')
}
