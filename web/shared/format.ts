// How values are written, the same on every page: times in Asia/Shanghai
// (UTC+8 the year round, so no zone table is needed), money from integer fen.
import { lang } from './i18n'

const shanghai = 8 * 3600_000
const day = 86_400_000

function shifted(at: string | number | Date): Date | null {
  const ms = at instanceof Date ? at.getTime() : typeof at === 'number' ? at : Date.parse(at)
  return Number.isFinite(ms) ? new Date(ms + shanghai) : null
}

const two = (n: number) => String(n).padStart(2, '0')

export function date(at: string | number | Date): string {
  const d = shifted(at)
  return d ? `${d.getUTCFullYear()}-${two(d.getUTCMonth() + 1)}-${two(d.getUTCDate())}` : '—'
}

export function time(at: string | number | Date): string {
  const d = shifted(at)
  return d ? `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}` : '—'
}

export function dateTime(at: string | number | Date): string {
  return shifted(at) ? `${date(at)} ${time(at)}` : '—'
}

// Calendar days in Shanghai from now until then; negative when past.
export function daysUntil(at: string | number | Date, now: number = Date.now()): number {
  const d = shifted(at)
  const n = shifted(now)
  if (!d || !n) return NaN
  return Math.floor(d.getTime() / day) - Math.floor(n.getTime() / day)
}

export function inDays(at: string | number | Date, now: number = Date.now()): string {
  const n = daysUntil(at, now)
  const en = lang() === 'en'
  if (Number.isNaN(n)) return '—'
  if (n === 0) return en ? 'today' : '今天'
  if (n === 1) return en ? 'tomorrow' : '明天'
  if (n > 1) return en ? `in ${n} days` : `还有 ${n} 天`
  if (n === -1) return en ? 'yesterday' : '昨天'
  return en ? `${-n} days ago` : `${-n} 天前`
}

export function money(fen: number): string {
  if (!Number.isInteger(fen)) return '—'
  const sign = fen < 0 ? '-' : ''
  const abs = Math.abs(fen)
  const yuan = String(Math.floor(abs / 100)).replace(/\B(?=(\d{3})+$)/g, ',')
  return `${sign}¥${yuan}.${two(abs % 100)}`
}

// 330***********1234: enough to recognise one's own number, no more.
export function maskID(id: string): string {
  const chars = [...id]
  if (chars.length <= 7) return '*'.repeat(chars.length)
  return chars.slice(0, 3).join('') + '*'.repeat(chars.length - 7) + chars.slice(-4).join('')
}

// A serial number is told apart by its end; the whole of it stands in the details.
export function serialEnd(serial: string, keep = 8): string {
  return serial.length > keep ? `…${serial.slice(-keep)}` : serial
}

export function groups(text: string, each = 4): string {
  return text.replace(new RegExp(`(.{${each}})(?=.)`, 'g'), '$1 ')
}

export function minutesSeconds(seconds: number): string {
  const s = Math.max(0, Math.ceil(seconds))
  return `${Math.floor(s / 60)}:${two(s % 60)}`
}

// Control and direction-changing characters in a name could make one text look
// like another; they are drawn as what they are.
export function visible(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, (c) => {
    return `⟨U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`
  })
}
