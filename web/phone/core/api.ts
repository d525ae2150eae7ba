// The phone's way to the server: each call carries a proof by the device's key.
import { raw as sendRaw } from '../../shared/api'
import { Problem, problemFrom } from '../../shared/problem'
import { serverTime } from '../../shared/servertime'
import { utf8 } from './bytes'
import { proof, type DeviceKey } from './dpop'

export interface CallOptions {
  body?: unknown
  claim?: string // the secret from the scan
  query?: Record<string, string | undefined>
  headers?: Record<string, string>
  signal?: AbortSignal
  timeoutMs?: number
}

export interface Clock {
  now(): number
}

export type Send = typeof sendRaw

export class Api {
  private nonce: string | undefined

  constructor(
    private readonly origin: string,
    private readonly key: () => DeviceKey | undefined,
    private readonly send: Send = sendRaw,
    readonly clock: Clock = serverTime,
  ) {}

  async call<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
    return (await read(await this.response(method, path, options))) as T
  }

  // open asks for a stream; its body is read by the caller.
  open(path: string, options: CallOptions): Promise<Response> {
    return this.response('GET', path, options)
  }

  protected async response(method: string, path: string, options: CallOptions): Promise<Response> {
    const key = this.key()
    if (!key) throw new Error('there is no device key yet')
    const body = utf8(options.body === undefined ? '' : JSON.stringify(options.body))
    const query = new URLSearchParams(Object.entries(options.query ?? {}).filter((e): e is [string, string] => !!e[1])).toString()
    for (let tries = 0; ; tries++) {
      const before = this.clock.now() - Date.now()
      const headers: Record<string, string> = {
        ...options.headers,
        DPoP: await proof(key, { method, url: this.origin + path, body, nonce: this.nonce, now: this.clock.now() }),
      }
      if (options.claim) headers['Certlink-Claim'] = options.claim
      const response = await this.send(method, path + (query && '?' + query), {
        headers,
        ...(options.body === undefined ? {} : { body }),
        ...(options.signal ? { signal: options.signal } : {}),
        ...(options.timeoutMs ? { timeoutMs: options.timeoutMs } : {}),
      })
      const fresh = response.headers.get('DPoP-Nonce')
      if (fresh) this.nonce = fresh
      if (response.ok) return response
      const problem = await problemFrom(response)
      // A nonce that is missing or too old (RFC 9449 §8), and a phone whose own clock
      // is wrong: the answer has told both, so once more.
      const clockMoved = Math.abs(this.clock.now() - Date.now() - before) > 5_000
      const again = problem.code === 'use_dpop_nonce' || (problem.code === 'dpop_invalid' && clockMoved)
      if (!again || tries >= 2 || response.status !== 401) throw problem
    }
  }
}

async function read(response: Response): Promise<unknown> {
  if (response.status === 204) return undefined
  try {
    return await response.json()
  } catch {
    throw Problem.local('unexpected', response.headers.get('X-Request-Id') ?? '', response.status)
  }
}
