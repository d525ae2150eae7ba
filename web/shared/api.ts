// The one way from a page to the server's JSON. It adds the language, a time
// limit, and turns every refusal into a Problem; what to do about one (sign in
// again, prove the device) is the app's own.
import { Problem, acceptLanguage, problemFrom } from './problem'
import { serverTime } from './servertime'

export interface SendOptions {
  // Sent as they are; a string or bytes are taken as already serialised JSON.
  body?: unknown
  headers?: Record<string, string>
  signal?: AbortSignal
  timeoutMs?: number
}

export interface Answer {
  status: number
  headers: Headers
  body: unknown
}

export async function send(method: string, url: string, options: SendOptions = {}): Promise<Answer> {
  const response = await raw(method, url, options)
  if (!response.ok) throw await problemFrom(response)
  return { status: response.status, headers: response.headers, body: await json(response) }
}

// The response itself, refusals included: for callers that must look at its
// headers first (a nonce to be repeated, a stream to be read).
export async function raw(method: string, url: string, options: SendOptions = {}): Promise<Response> {
  const headers: Record<string, string> = { 'Accept-Language': acceptLanguage(), ...options.headers }
  let body: string | Uint8Array<ArrayBuffer> | undefined
  if (options.body !== undefined) {
    headers['Content-Type'] ??= 'application/json'
    body = typeof options.body === 'string' || options.body instanceof Uint8Array ? (options.body as string) : JSON.stringify(options.body)
  }
  const limit = new AbortController()
  const timer = setTimeout(() => limit.abort(), options.timeoutMs ?? 15_000)
  const stop = () => limit.abort()
  if (options.signal?.aborted) limit.abort()
  options.signal?.addEventListener('abort', stop, { once: true })
  try {
    const sent = Date.now()
    const response = await fetch(url, { method, headers, body, signal: limit.signal, credentials: 'same-origin', cache: 'no-store' })
    serverTime.learn(response.headers.get('Date'), sent, Date.now())
    return response
  } catch (e) {
    if (options.signal?.aborted) throw e
    throw Problem.local(limit.signal.aborted ? 'slow' : 'offline')
  } finally {
    clearTimeout(timer)
    options.signal?.removeEventListener('abort', stop)
  }
}

async function json(response: Response): Promise<unknown> {
  if (response.status === 204) return undefined
  try {
    const text = await response.text()
    return text === '' ? undefined : JSON.parse(text)
  } catch {
    throw Problem.local('unexpected', response.headers.get('X-Request-Id') ?? '', response.status)
  }
}

// The caller gave up (a closed dialog, a page left): nothing to be shown.
export function isAbort(e: unknown): boolean {
  return e instanceof DOMException && e.name === 'AbortError'
}

export function query(params: Record<string, string | number | undefined>): string {
  const q = new URLSearchParams()
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined && value !== '') q.set(name, String(value))
  }
  const text = q.toString()
  return text === '' ? '' : `?${text}`
}
