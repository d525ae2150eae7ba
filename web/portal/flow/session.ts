// One QR session as the portal runs it: begun or taken up again after a reload,
// followed to its end, begun anew in the same place.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { isAbort } from '../../shared/api'
import { follow } from '../../shared/follow'
import { type QRSession, isOver } from '../../shared/model'
import { type Problem, asProblem } from '../../shared/problem'
import { ask, signInAgain } from '../state'

export interface Start {
  purpose: 'bind' | 'enroll' | 'extend'
  provider?: string
  account?: string
  product?: string
  renewal?: string
  // An accepted application, whose certificate is collected.
  application?: string
}

export interface Running {
  session: QRSession | undefined
  code: string | undefined
  // When the code on the screen came, by this computer's own clock.
  codeAt: number
  connected: boolean
  problem: Problem | undefined
  // Told to the help desk together with what happened.
  requestId: string
  restart: () => void
  cancel: () => Promise<void>
  update: (session: QRSession) => void
}

const base = '/v1/qr-sessions'

export function useSession(start: Start, resume: string | undefined, remember: (id: string | undefined) => void): Running {
  const [session, setSession] = useState<QRSession | undefined>(undefined)
  const [code, setCode] = useState<string | undefined>(undefined)
  const [codeAt, setCodeAt] = useState(0)
  const [connected, setConnected] = useState(true)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const [requestId, setRequestId] = useState('')
  const [round, setRound] = useState(0)
  const latest = useRef<QRSession | undefined>(undefined)

  const take = useCallback((s: QRSession) => {
    if (latest.current && latest.current.id === s.id && s.seq < latest.current.seq) return
    latest.current = s
    setSession(s)
    if (s.code) {
      setCode(s.code)
      setCodeAt(Date.now())
    }
  }, [])

  useEffect(() => {
    const leaving = new AbortController()
    let stop = () => undefined as void
    latest.current = undefined
    setSession(undefined)
    setCode(undefined)
    setProblem(undefined)
    setConnected(true)

    const watch = (id: string) => {
      stop = follow({
        url: `${base}/${encodeURIComponent(id)}`,
        onSession: (s) => {
          take(s)
          if (isOver(s.state)) remember(undefined)
        },
        onFrame: (frame) => {
          setCode(frame.code)
          setCodeAt(Date.now())
        },
        onConnection: setConnected,
        onRefused: (p) => {
          if (p.code === 'sign_in_required') {
            signInAgain(p).then(
              // Signing in gives the browser a new secret: the code is made anew.
              () => !leaving.signal.aborted && setRound((n) => n + 1),
              () => undefined,
            )
            return
          }
          remember(undefined)
          setProblem(p)
        },
      })
    }

    const run = async () => {
      // Taken up again only in the first round: what follows is new.
      const kept = round === 0 ? resume : undefined
      if (kept) {
        try {
          const { body } = await ask<QRSession>('GET', `${base}/${encodeURIComponent(kept)}`, { signal: leaving.signal })
          take(body)
          if (isOver(body.state)) remember(undefined)
          else watch(kept)
          return
        } catch (e) {
          if (leaving.signal.aborted || isAbort(e)) return
          // Gone, or another browser's: a new one takes its place.
          if (!asProblem(e).passing) remember(undefined)
          else throw e
        }
      }
      const { body, requestId } = await ask<QRSession>('POST', base, { body: start })
      if (leaving.signal.aborted) {
        // The dialog was closed while the code was being made: nobody will scan it.
        void ask('POST', `${base}/${encodeURIComponent(body.id)}/cancel`, { body: {} }).catch(() => undefined)
        return
      }
      setRequestId(requestId)
      remember(body.id)
      take(body)
      watch(body.id)
    }
    run().catch((e: unknown) => {
      if (!leaving.signal.aborted && !isAbort(e)) setProblem(asProblem(e))
    })
    return () => {
      leaving.abort()
      stop()
    }
  }, [round])

  const restart = useCallback(() => setRound((n) => n + 1), [])

  const cancel = useCallback(async () => {
    const s = latest.current
    remember(undefined)
    if (!s || isOver(s.state) || s.state === 'accepted') return
    await ask('POST', `${base}/${encodeURIComponent(s.id)}/cancel`, { body: {} })
  }, [])

  return { session, code, codeAt, connected, problem, requestId, restart, cancel, update: take }
}

export async function sendDigits(id: string, digits: string): Promise<QRSession> {
  return (await ask<QRSession>('POST', `${base}/${encodeURIComponent(id)}/match`, { body: { digits } })).body
}

export async function typedCode(id: string): Promise<{ code: string; expires_at: string }> {
  return (await ask<{ code: string; expires_at: string }>('POST', `${base}/${encodeURIComponent(id)}/typed-code`, { body: {} })).body
}

export async function sameDeviceLink(id: string): Promise<{ link: string; expires_at: string }> {
  return (await ask<{ link: string; expires_at: string }>('POST', `${base}/${encodeURIComponent(id)}/same-device-link`, { body: {} })).body
}
