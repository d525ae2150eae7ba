// Two languages, each complete: a dictionary is declared once with both, and
// the compiler refuses one that lacks a key. Sentences carry {name} for a
// value and {n:day|days} for a word that follows a number.
import { useEffect, useState } from 'preact/hooks'

export type Lang = 'zh-CN' | 'en'
export type Params = Record<string, string | number>

const kept = 'certlink.lang'
const listeners = new Set<() => void>()
// Read when it is first asked for: in the widget nobody asks, and another site's
// storage is none of our business.
let chosen: Lang | undefined

// Chinese first: English only for someone who chose it, here or by ?lang=en.
function initial(): Lang {
  try {
    const asked = new URLSearchParams(globalThis.location?.search ?? '').get('lang')
    if (asked === 'en' || asked === 'zh-CN') return asked
    const saved = globalThis.localStorage?.getItem(kept)
    if (saved === 'en' || saved === 'zh-CN') return saved
  } catch {
    // Storage can be forbidden by the browser's settings; the default stands.
  }
  return 'zh-CN'
}

export function lang(): Lang {
  return (chosen ??= initial())
}

export function setLang(next: Lang): void {
  chosen = next
  try {
    globalThis.localStorage?.setItem(kept, next)
  } catch {
    // Not remembered, then; the page still changes.
  }
  mark()
  for (const tell of [...listeners]) tell()
}

// Screen readers pick their voice by the document's language, and the pages that
// the server draws itself (where a code leads, refusals) follow the cookie.
export function mark(): void {
  if (!globalThis.document) return
  document.documentElement.lang = lang()
  const secure = globalThis.location?.protocol === 'https:' ? '; Secure' : ''
  document.cookie = `certlink_lang=${lang()}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`
}

export function onLang(tell: () => void): () => void {
  listeners.add(tell)
  return () => listeners.delete(tell)
}

// Called at the root of an app: everything below is drawn again on a change.
export function useLang(): Lang {
  const [, redraw] = useState(0)
  useEffect(() => onLang(() => redraw((n) => n + 1)), [])
  return lang()
}

export function fill(sentence: string, params: Params = {}): string {
  return sentence.replace(/\{(\w+)(?::([^|{}]*)\|([^{}]*))?\}/g, (whole, name: string, one?: string, many?: string) => {
    const value = params[name]
    if (value === undefined) return whole
    if (one === undefined || many === undefined) return String(value)
    return Number(value) === 1 ? one : many
  })
}

// U-Key is one word: its hyphen ends no line.
function whole(text: string): string {
  return text.replace(/U-Key/g, 'U\u2011Key')
}

export interface Dictionary<K extends string> {
  (key: K, params?: Params): string
  has(key: string): key is K
  readonly zh: Readonly<Record<K, string>>
  readonly en: Readonly<Record<K, string>>
}

export function dictionary<Z extends Record<string, string>>(
  zh: Z,
  en: { [K in keyof Z]: string } & Record<string, string>,
): Dictionary<keyof Z & string> {
  type K = keyof Z & string
  const say = (key: K, params?: Params) => whole(fill((lang() === 'en' ? en : zh)[key] ?? key, params))
  return Object.assign(say, {
    has: (key: string): key is K => Object.hasOwn(zh, key),
    zh: zh as Readonly<Record<K, string>>,
    en: en as Readonly<Record<K, string>>,
  })
}

// For values that come from the server in both languages.
export function either(zh: string | undefined, en: string | undefined): string {
  return whole((lang() === 'en' ? en || zh : zh || en) ?? '')
}
