// What the server asks of this phone without a code. For the holder it is a
// request like any other, so it is turned into what the rest of the app knows.
import type { PhoneSession, SessionState, SessionSummary } from './model'

export interface PhonePrompt extends Omit<PhoneSession, 'session' | 'claim' | 'match' | 'state'> {
  prompt: string
  state: SessionState
  created_at: string
  ended_at?: string
  actor?: { name?: string; organisation?: string }
  subject?: { name?: string; organisation?: string }
  details?: Record<string, string>
}

export interface Inbox {
  seq: number
  items: PhonePrompt[]
  notices: Notice[]
}

// What this phone was told, and need do nothing about.
export interface Notice {
  id: string
  key: string
  at: string
  text_zh: string
  text_en: string
}

export function asSession(p: PhonePrompt): PhoneSession {
  const { prompt, created_at: _c, ended_at: _e, actor: _a, subject: _s, details: _d, ...rest } = p
  return { ...rest, session: prompt }
}

export function asSummary(p: PhonePrompt): SessionSummary {
  const { prompt, statement: _s, hints: _h, signed_by: _b, key_request: _k, result: _r, ...rest } = p
  return { ...rest, session: prompt }
}

// The two addresses of a request, and the codes by which the server says that it is
// over, gone or out of time.
export function pathOf(id: string, prompt: boolean): string {
  return `/v1/phone/${prompt ? 'prompts' : 'sessions'}/${encodeURIComponent(id)}`
}
