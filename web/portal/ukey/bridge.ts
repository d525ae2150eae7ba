// The desktop bridge as this page talks to it: on loopback, by fetch, with the
// secret of the pairing in a header. Nothing here ever sees a PIN.
import { lang } from '../../shared/i18n'
import { Problem, problemFrom } from '../../shared/problem'
import { EventParser } from '../../shared/sse'

// The messages that this page speaks; a bridge with another number must be updated.
export const protocol = 1

export interface Hello {
  name: string
  version: string
  protocol: number
  paired: boolean
}

export interface TokenProfile {
  id: string
  name_zh: string
  name_en: string
  providers: string[]
}

export interface TokenCertificate {
  id: string
  use: 'sign' | 'encrypt'
  der: string // base64
  subject: string
  holder: string
  organisation: string
  issuer: string
  algorithm: string
  not_before: string
  not_after: string
  expired: boolean
}

export interface Token {
  id: string
  profile: TokenProfile
  label: string
  serial: string
  pin: { own?: boolean; left: number; final?: boolean; locked?: boolean }
  certificates: TokenCertificate[]
}

export interface TokenProblem {
  profile: TokenProfile
  code: string
  title_zh: string
  title_en: string
}

export interface Tokens {
  tokens: Token[]
  problems: TokenProblem[]
}

export interface Operation {
  state: 'last_try' | 'pin' | 'own' | 'signing' | 'over'
  statement: string
  wrong?: boolean
  tries_left?: number
}

// Why nothing came back from the bridge.
// absent: nobody listens. foreign: somebody does, and does not know this site.
// denied, asking: the browser keeps pages from this machine, or has not been told.
export type Silence = 'absent' | 'foreign' | 'denied' | 'asking'

export class Silent extends Error {
  constructor(readonly why: Silence) {
    super(why)
  }
}

const kept = 'certlink.bridge'

export function secret(): string {
  try {
    return localStorage.getItem(kept) ?? ''
  } catch {
    return ''
  }
}

export function keep(value: string): void {
  try {
    if (value) localStorage.setItem(kept, value)
    else localStorage.removeItem(kept)
  } catch {
    // Not remembered, then: the next page has to pair again.
  }
}

// Chrome asks before a page may reach this machine. The permission has had two
// names; a browser that knows neither does not ask.
export async function permission(): Promise<PermissionState | undefined> {
  for (const name of ['loopback-network', 'local-network-access']) {
    try {
      return (await navigator.permissions.query({ name: name as PermissionName })).state
    } catch {
      // Not known here.
    }
  }
  return undefined
}

// A request that says where it goes: on a page by https Chrome lets plain loopback
// pass only when it is named.
type LoopbackInit = RequestInit & { targetAddressSpace?: 'loopback' }

async function reach(url: string, init: LoopbackInit): Promise<Response> {
  const begun = Date.now()
  try {
    return await fetch(url, { ...init, cache: 'no-store', credentials: 'omit', targetAddressSpace: 'loopback' } as LoopbackInit)
  } catch (e) {
    if (init.signal?.aborted) throw e
    throw new Silent(await why(new URL(url).origin, Date.now() - begun))
  }
}

export const hasty = 500

// The browser tells a page nothing but "failed". What can be found out: whether it
// was the browser itself, and whether somebody listens at all.
// "prompt" is also the state of a browser that was never made to ask, because nobody
// listens: then the answer comes at once, and no person has closed a question so fast.
async function why(origin: string, took: number): Promise<Silence> {
  const state = await permission()
  if (state === 'denied') return 'denied'
  if (state === 'prompt' && took > hasty) return 'asking'
  try {
    await fetch(origin, { mode: 'no-cors', cache: 'no-store', credentials: 'omit', targetAddressSpace: 'loopback' } as LoopbackInit)
    return 'foreign'
  } catch {
    return 'absent'
  }
}

export class BridgeClient {
  constructor(private readonly origin: string) {}

  private headers(): Record<string, string> {
    const s = secret()
    return s ? { Authorization: `Bearer ${s}` } : {}
  }

  private async call<T>(message: Record<string, string>, signal?: AbortSignal): Promise<T> {
    const response = await reach(`${this.origin}/v1/call`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...this.headers() },
      body: JSON.stringify({ language: lang(), ...message }),
      signal,
    })
    if (!response.ok) throw await problemFrom(response)
    return (await response.json()) as T
  }

  hello(signal?: AbortSignal): Promise<Hello> {
    return this.call<Hello>({ type: 'hello' }, signal)
  }

  async pair(signal?: AbortSignal): Promise<void> {
    keep((await this.call<{ secret: string }>({ type: 'pair' }, signal)).secret)
  }

  async sign(token: string, certificate: string, statement: string, signal?: AbortSignal): Promise<string> {
    return (await this.call<{ jws: string }>({ type: 'sign', token, certificate, statement }, signal)).jws
  }

  async rehearse(token: string, certificate: string, statement: string, challenge: string, signal?: AbortSignal): Promise<string> {
    return (await this.call<{ answer: string }>({ type: 'rehearse', token, certificate, statement, challenge }, signal)).answer
  }

  // Follows what is plugged in and how an operation goes on, until the signal or the end
  // of the stream.
  async watch(tell: { tokens: (t: Tokens) => void; operation: (o: Operation) => void }, signal: AbortSignal): Promise<void> {
    const response = await reach(`${this.origin}/v1/events`, { headers: this.headers(), signal })
    if (!response.ok || !response.body) throw await problemFrom(response)
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    const parser = new EventParser()
    for (;;) {
      const { value, done } = await reader.read()
      if (done) return
      for (const event of parser.push(value)) {
        if (event.name === 'tokens') tell.tokens(JSON.parse(event.data) as Tokens)
        if (event.name === 'operation') tell.operation(JSON.parse(event.data) as Operation)
      }
    }
  }
}

// Versions are dotted numbers; anything else is not compared.
export function older(have: string, want: string): boolean {
  const parts = (v: string) => v.split('.').map(Number)
  const a = parts(have)
  const b = parts(want)
  if ([...a, ...b].some((n) => !Number.isInteger(n))) return false
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const d = (a[i] ?? 0) - (b[i] ?? 0)
    if (d !== 0) return d < 0
  }
  return false
}

export function isRefusal(e: unknown, code: string): boolean {
  return e instanceof Problem && e.code === code
}
