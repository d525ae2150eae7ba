// The other way to the phone: the certificate that it holds is known, so it can be
// asked without a code. The code stays on the screen beside it.
import { useEffect, useRef, useState } from 'preact/hooks'
import { query } from '../../shared/api'
import { follow } from '../../shared/follow'
import { time, visible } from '../../shared/format'
import { dictionary, either } from '../../shared/i18n'
import { type Binding, type Page, type Provider, type QRSession, isOver } from '../../shared/model'
import { type Problem, asProblem } from '../../shared/problem'
import { Button, Icon, Note, ProblemNote, announce } from '../../shared/ui'
import type { CertificateRecord } from '../certificates/model'
import type { Ended } from '../flow/end'
import { f } from '../flow/words'
import { useLoad } from '../load'
import { call } from '../state'

const say = dictionary(
  {
    send: '发送到手机',
    sendOf: '发送到手机（序列号尾号 {tail}）',
    sent: '已发送，请在手机上确认',
    sentText: '请在“{device}”的“待确认”中核对，输入 PIN 码。二维码仍可使用。',
    sentAlone: '请在“{device}”的“待确认”中核对，输入 PIN 码。',
    waits: '已发送，手机暂时不会提示',
    waitsText: '“{device}”刚拒绝过，或正在处理另一个请求，{time} 之后才会提示。也可以直接扫码。',
    accepted: '手机已确认，正在处理',
    ended: '手机上没有确认',
    expired: '手机上没有在规定时间内确认，没有执行任何操作。可以再次发送，或扫码。',
    rejected: '持有人在手机上没有同意，没有执行任何操作。',
    notSent: '没有发送到手机。可以扫码绑定。',
  },
  {
    send: 'Send to the phone',
    sendOf: 'Send to the phone (serial number ending {tail})',
    sent: 'Sent. Confirm on the phone',
    sentText: 'Check it under “Waiting” on “{device}” and enter the PIN. The code can still be scanned.',
    sentAlone: 'Check it under “Waiting” on “{device}” and enter the PIN.',
    waits: 'Sent; the phone does not show it yet',
    waitsText: '“{device}” has just said no or is busy with another request; it is asked after {time}. Or scan the code.',
    accepted: 'Confirmed on the phone, being carried out',
    ended: 'Not confirmed on the phone',
    expired: 'Nobody confirmed on the phone in time, and nothing was done. Send it again, or scan the code.',
    rejected: 'The holder did not agree on the phone, and nothing was done.',
    notSent: 'It was not sent to the phone. Scan the code instead.',
  },
)

export type Prompt = Ended & Pick<QRSession, 'id' | 'seq' | 'expires_at'> & { opens_at?: string; device: { name: string } }

export interface Sending {
  held: CertificateRecord[]
  prompt: Prompt | undefined
  busy: string
  problem: Problem | undefined
  send: (certificate: string) => Promise<void>
  stop: () => void
}

const base = '/v1/prompts'

const under = (p: Prompt | undefined) => p !== undefined && !isOver(p.state)

// useSending knows what the phones of the account hold and could bind. Where digits
// are needed, it must be scanned: the holder is to have this page before them.
export function useSending(provider: Provider | undefined): Sending {
  const wanted = provider?.identity_check ? provider.id : ''
  const { data: held = [] } = useLoad<CertificateRecord[]>(
    async (signal) => {
      if (!wanted) return []
      const [certificates, bindings] = await Promise.all([
        call<Page<CertificateRecord>>('GET', `/v1/certificates${query({ limit: 50 })}`, { signal }),
        call<Page<Binding>>('GET', `/v1/bindings${query({ limit: 50 })}`, { signal }),
      ])
      const bound = new Set(bindings.items.filter((b) => b.state === 'active').map((b) => b.certificate.fingerprint))
      return certificates.items.filter((c) => c.acts.includes('ask_phone') && c.provider.id === wanted && !bound.has(c.fingerprint ?? '')).slice(0, 3)
    },
    [wanted],
  )
  const [prompt, setPrompt] = useState<Prompt | undefined>(undefined)
  const [busy, setBusy] = useState('')
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const latest = useRef<Prompt | undefined>(undefined)
  const unfollow = useRef<(() => void) | undefined>(undefined)

  const take = (p: Prompt) => {
    latest.current = p
    setPrompt(p)
  }

  const stop = () => {
    const p = latest.current
    unfollow.current?.()
    latest.current = undefined
    setPrompt(undefined)
    if (p && under(p) && p.state !== 'accepted') void call('POST', `${base}/${encodeURIComponent(p.id)}/cancel`, { body: {} }).catch(() => undefined)
  }

  // Whoever closes the dialog does not want it any more.
  useEffect(() => stop, [])

  const send = async (certificate: string) => {
    setBusy(certificate)
    setProblem(undefined)
    try {
      const p = await call<Prompt>('POST', base, { body: { purpose: 'bind', certificate } })
      take(p)
      announce(say('sent'))
      unfollow.current?.()
      unfollow.current = follow({
        url: `${base}/${encodeURIComponent(p.id)}`,
        onSession: (s) => take(s as unknown as Prompt),
        onFrame: () => undefined,
        onRefused: setProblem,
      })
    } catch (e) {
      setProblem(asProblem(e))
    }
    setBusy('')
  }

  return { held, prompt, busy, problem, send, stop }
}

export function SendButtons({ sending: s }: { sending: Sending }) {
  if (under(s.prompt) || s.held.length === 0) return null
  return (
    <div class="row">
      {s.held.map((c) => (
        <Button key={c.id} size="small" busy={s.busy === c.id} onClick={() => void s.send(c.id)} testid="send-to-phone">
          <Icon name="phone" />
          {s.held.length > 1 ? say('sendOf', { tail: (c.serial ?? '').slice(-4).toUpperCase() }) : say('send')}
        </Button>
      ))}
    </div>
  )
}

function told(p: Prompt): string {
  if (p.reason?.code === 'not_me' || p.failure?.code === 'not_me') return f('notMeText')
  if (p.failure) return either(p.failure.title_zh, p.failure.title_en)
  return p.state === 'rejected' ? say('rejected') : say('expired')
}

// alone: there is no code beside it any more.
export function SentNote({ sending: s, alone }: { sending: Sending; alone?: boolean }) {
  if (s.problem) return <ProblemNote problem={s.problem} meaning={say('notSent')} />
  const p = s.prompt
  if (!p) return null
  const device = visible(p.device.name)
  switch (p.state) {
    case 'waiting':
      return (
        <Note tone="warn" title={say('waits')} testid="sent">
          <p>{say('waitsText', { device, time: p.opens_at ? time(p.opens_at) : time(p.expires_at) })}</p>
        </Note>
      )
    case 'accepted':
      return (
        <Note title={say('accepted')} live testid="sent">
          <p>{f('acceptedText')}</p>
        </Note>
      )
    case 'rejected':
    case 'failed':
    case 'expired':
    case 'cancelled':
      return (
        <Note tone="warn" title={say('ended')} live testid="sent-ended">
          <p>{told(p)}</p>
        </Note>
      )
    default:
      return (
        <Note title={say('sent')} live testid="sent">
          <p>{say(alone ? 'sentAlone' : 'sentText', { device })}</p>
        </Note>
      )
  }
}
