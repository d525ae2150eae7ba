// What the whole portal knows: the server's settings, who is signed in, and
// whether the network is there. A sign-in that ends in the middle of something
// is mended in place: the request waits, the person signs in, it is sent again.
import { useEffect, useState } from 'preact/hooks'
import { type SendOptions, raw, send } from '../shared/api'
import type { Config, Role, LettersView, SessionView } from '../shared/model'
import { Problem, problemFrom } from '../shared/problem'
import { clearDrafts } from './draft'

export interface State {
  config?: Config
  // null: nobody is signed in. undefined: not asked yet.
  session?: SessionView | null
  problem?: Problem
  // Somebody was signed in, and must sign in again to go on.
  again?: { resolve: () => void; reject: (p: Problem) => void; problem: Problem }
  offline: boolean
}

let state: State = { offline: globalThis.navigator?.onLine === false }
const listeners = new Set<() => void>()

export function current(): State {
  return state
}

function set(change: Partial<State>): void {
  state = { ...state, ...change }
  for (const tell of [...listeners]) tell()
}

export function useApp(): State {
  const [, redraw] = useState(0)
  useEffect(() => {
    const tell = () => redraw((n) => n + 1)
    listeners.add(tell)
    return () => void listeners.delete(tell)
  }, [])
  return state
}

globalThis.addEventListener?.('online', () => set({ offline: false }))
globalThis.addEventListener?.('offline', () => set({ offline: true }))

export async function begin(): Promise<void> {
  set({ problem: undefined })
  try {
    const config = (await send('GET', '/v1/config')).body as Config
    set({ config })
    try {
      set({ session: (await send('GET', '/v1/session')).body as SessionView })
    } catch (e) {
      if (e instanceof Problem && e.status === 401) set({ session: null })
      else throw e
    }
  } catch (e) {
    set({ problem: e instanceof Problem ? e : Problem.local('unexpected') })
  }
}

export async function signIn(login: string, password: string, totp?: string): Promise<void> {
  const body = totp ? { login, password, totp } : { login, password }
  const session = (await send('POST', '/v1/session', { body })).body as SessionView
  const before = state.session
  const again = state.again
  // Another person's half-filled forms are not this person's business.
  if (before && before.account.id !== session.account.id) {
    clearDrafts()
    set({ session, again: undefined })
    again?.reject(again.problem)
    globalThis.location?.reload()
    return
  }
  set({ session, again: undefined })
  again?.resolve()
}

export async function signOut(): Promise<void> {
  try {
    await send('DELETE', '/v1/session')
  } catch (e) {
    // Already over is as good as ended; anything else the person must know of.
    if (!(e instanceof Problem && e.status === 401)) throw e
  }
  clearDrafts()
  // The next person begins where that person begins, not on the last one's page.
  globalThis.history?.replaceState(null, '', '#/')
  globalThis.dispatchEvent?.(new Event('hashchange'))
  set({ session: null, again: undefined })
}

// The person would rather leave than sign in again.
export function giveUp(): void {
  const again = state.again
  set({ again: undefined, session: null })
  again?.reject(again.problem)
}

export function setTOTP(enabled: boolean): void {
  if (state.session) set({ session: { ...state.session, totp: { enabled } } })
}

export function setLetters(letters: LettersView): void {
  if (state.session) set({ session: { ...state.session, letters } })
}

let waiting: Promise<void> | undefined

export function signInAgain(problem: Problem): Promise<void> {
  // Several requests may find the sign-in gone at once: one dialog serves all.
  waiting ??= new Promise<void>((resolve, reject) => set({ again: { resolve, reject, problem } })).finally(() => {
    waiting = undefined
  })
  return waiting
}

export interface Reply<T> {
  body: T
  requestId: string
}

async function signedIn<T>(once: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  try {
    return await once()
  } catch (e) {
    if (!(e instanceof Problem) || e.code !== 'sign_in_required' || !state.session) throw e
    await signInAgain(e)
    if (signal?.aborted) throw e
    return once()
  }
}

export function ask<T>(method: string, url: string, options?: SendOptions): Promise<Reply<T>> {
  return signedIn(async () => {
    const answer = await send(method, url, options)
    return { body: answer.body as T, requestId: answer.headers.get('X-Request-Id') ?? '' }
  }, options?.signal)
}

// A file is fetched first and then handed to the person, so that a refusal is
// shown like any other instead of being saved under the file's name.
export async function download(url: string, name: string): Promise<void> {
  const blob = await signedIn(async () => {
    const response = await raw('GET', url, { timeoutMs: 60_000 })
    if (!response.ok) throw await problemFrom(response)
    return response.blob()
  })
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

export async function call<T>(method: string, url: string, options?: SendOptions): Promise<T> {
  return (await ask<T>(method, url, options)).body
}

export function has(...roles: Role[]): boolean {
  return state.session?.account.roles.some((r) => roles.includes(r)) ?? false
}
