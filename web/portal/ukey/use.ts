// How this page stands with the bridge: looked for again and again until it is
// there, paired by the person, then followed.
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { isAbort } from '../../shared/api'
import { type Problem, asProblem } from '../../shared/problem'
import { useApp } from '../state'
import { BridgeClient, type Operation, Silent, type Silence, type Tokens, isRefusal, keep, older, permission, protocol } from './bridge'

export type Stage =
  | { kind: 'looking' }
  | { kind: 'silent'; why: Silence }
  | { kind: 'outdated'; version: string }
  | { kind: 'unpaired' }
  | { kind: 'pairing' }
  | { kind: 'refused'; problem: Problem }
  | { kind: 'ready' }

export interface Bridge {
  stage: Stage
  client: BridgeClient
  tokens: Tokens | undefined
  operation: Operation | undefined
  update: boolean // a newer one is to be had
  pair: () => void
  look: () => void
}

const again = 2000

export function useBridge(): Bridge {
  const { config } = useApp()
  const origin = config?.bridge?.origin ?? ''
  const client = useMemo(() => new BridgeClient(origin), [origin])
  const [stage, setStage] = useState<Stage>({ kind: 'looking' })
  const [tokens, setTokens] = useState<Tokens | undefined>(undefined)
  const [operation, setOperation] = useState<Operation | undefined>(undefined)
  const [update, setUpdate] = useState(false)
  const [round, setRound] = useState(0)
  const leaving = useRef<AbortController | undefined>(undefined)
  const look = useCallback(() => setRound((n) => n + 1), [])

  useEffect(() => {
    const mine = new AbortController()
    leaving.current = mine
    let timer: ReturnType<typeof setTimeout> | undefined
    const later = () => {
      timer = setTimeout(() => void run(), again)
    }
    const run = async () => {
      // While the browser asks, the request waits; the person should know for what.
      const slow = setTimeout(() => {
        void permission().then((state) => {
          if (state === 'prompt' && !mine.signal.aborted) setStage((was) => (was.kind === 'looking' ? { kind: 'silent', why: 'asking' } : was))
        })
      }, 1500)
      try {
        const hello = await client.hello(mine.signal).finally(() => clearTimeout(slow))
        setUpdate(older(hello.version, config?.bridge?.version ?? ''))
        if (hello.protocol < protocol) {
          setStage({ kind: 'outdated', version: hello.version })
          later()
          return
        }
        if (!hello.paired) {
          setTokens(undefined)
          setStage((was) => (was.kind === 'refused' ? was : { kind: 'unpaired' }))
          return
        }
        setStage({ kind: 'ready' })
        setOperation(undefined) // a bridge that went away has not told its end
        await client.watch({ tokens: setTokens, operation: setOperation }, mine.signal)
        later() // the bridge was stopped, or started anew
      } catch (e) {
        if (isAbort(e) || mine.signal.aborted) return
        if (isRefusal(e, 'bridge_not_paired')) {
          keep('')
          setStage({ kind: 'unpaired' })
          return
        }
        setTokens(undefined)
        if (e instanceof Silent) {
          setStage({ kind: 'silent', why: e.why })
          // A denied permission is asked of the browser only when the person says so.
          if (e.why !== 'denied') later()
          return
        }
        setStage({ kind: 'silent', why: 'absent' })
        later()
      }
    }
    void run()
    return () => {
      mine.abort()
      clearTimeout(timer)
    }
  }, [client, round])

  const pair = () => {
    setStage({ kind: 'pairing' })
    client.pair(leaving.current?.signal).then(look, (e: unknown) => {
      if (isAbort(e)) return
      if (e instanceof Silent) setStage({ kind: 'silent', why: e.why })
      else setStage({ kind: 'refused', problem: asProblem(e) })
    })
  }

  return { stage, client, tokens, operation, update, pair, look }
}
