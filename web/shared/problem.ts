// What went wrong, in a form that a page can show: the server's problem details
// (RFC 9457), or one of three things only the browser can know.
import { either, lang } from './i18n'

export interface FieldProblem {
  pointer: string
  detail: string
}

interface Details {
  status?: number
  code?: string
  title?: string
  title_zh?: string
  title_en?: string
  detail?: string
  request_id?: string
  errors?: FieldProblem[]
  [extra: string]: unknown
}

const local = {
  offline: [
    '无法连接到服务器。请检查网络后重试，已填写的内容不会丢失。',
    'The server cannot be reached. Check the network and try again; nothing is lost.',
  ],
  slow: ['服务器没有及时回应。请稍后重试。', 'The server did not answer in time. Try again in a moment.'],
  unexpected: [
    '服务器返回了无法识别的内容。请重试；如仍出现，请联系平台客服。',
    'The server sent something this page cannot read. Try again; if it stays, contact the help desk.',
  ],
} as const

export type LocalCode = keyof typeof local

export class Problem extends Error {
  readonly status: number
  readonly code: string
  readonly detail: string
  readonly requestId: string
  readonly fields: FieldProblem[]
  readonly extra: Record<string, unknown>
  readonly retryAfter: number | undefined
  private readonly zh: string
  private readonly en: string

  constructor(details: Details, retryAfter?: number) {
    super(details.code ?? 'unexpected')
    this.name = 'Problem'
    const { status, code, title, title_zh, title_en, detail, request_id, errors, ...extra } = details
    this.status = status ?? 0
    this.code = code ?? 'unexpected'
    this.zh = title_zh ?? title ?? local.unexpected[0]
    this.en = title_en ?? title ?? local.unexpected[1]
    this.detail = detail ?? ''
    this.requestId = request_id ?? ''
    this.fields = Array.isArray(errors) ? errors : []
    this.extra = extra
    this.retryAfter = retryAfter
  }

  static local(code: LocalCode, requestId = '', status = 0): Problem {
    return new Problem({ code, status, request_id: requestId, title_zh: local[code][0], title_en: local[code][1] })
  }

  // In the language of the page now, which may not be that of the request.
  get title(): string {
    return either(this.zh, this.en)
  }

  get triesLeft(): number | undefined {
    const n = this.extra['tries_left']
    return typeof n === 'number' ? n : undefined
  }

  // Nothing was decided: the same request may be sent again.
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500
  }
}

export function isProblem(e: unknown): e is Problem {
  return e instanceof Problem
}

// Everything thrown becomes something that can be shown.
export function asProblem(e: unknown): Problem {
  if (e instanceof Problem) return e
  console.error(e)
  return Problem.local('unexpected')
}

export async function problemFrom(response: Response): Promise<Problem> {
  const requestId = response.headers.get('X-Request-Id') ?? ''
  const seconds = Number(response.headers.get('Retry-After') ?? NaN)
  const retryAfter = Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined
  const type = response.headers.get('Content-Type') ?? ''
  if (/\bjson\b/i.test(type)) {
    try {
      const body: unknown = await response.json()
      if (body && typeof body === 'object' && typeof (body as Details).code === 'string') {
        const details = body as Details
        return new Problem({ ...details, status: response.status, request_id: details.request_id ?? requestId }, retryAfter)
      }
    } catch {
      // Cut off or not JSON after all: told as unexpected below.
    }
  }
  return Problem.local('unexpected', requestId, response.status)
}

export function acceptLanguage(): string {
  return lang() === 'en' ? 'en, zh-CN;q=0.5' : 'zh-CN, en;q=0.5'
}
