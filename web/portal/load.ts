// Loading for a view: what is shown stays while newer data is fetched, and a
// slow answer to an old question never covers the answer to a new one.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { isAbort } from '../shared/api'
import { type Problem, asProblem } from '../shared/problem'

export interface Load<T> {
  data: T | undefined
  problem: Problem | undefined
  loading: boolean
  reload: () => void
}

export function useLoad<T>(get: (signal: AbortSignal) => Promise<T>, deps: unknown[]): Load<T> {
  const [data, setData] = useState<T | undefined>(undefined)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const [loading, setLoading] = useState(true)
  const running = useRef<AbortController | undefined>(undefined)

  const load = useCallback(() => {
    running.current?.abort()
    const mine = new AbortController()
    running.current = mine
    setLoading(true)
    get(mine.signal).then(
      (found) => {
        if (running.current !== mine) return
        setData(() => found)
        setProblem(undefined)
        setLoading(false)
      },
      (e: unknown) => {
        if (running.current !== mine || isAbort(e)) return
        setProblem(asProblem(e))
        setLoading(false)
      },
    )
  }, deps)

  useEffect(() => {
    load()
    return () => running.current?.abort()
  }, [load])

  // Back on the network: what failed for want of it is fetched by itself.
  useBackOnline(() => problem?.passing && load())

  return { data, problem, loading, reload: load }
}

// useBackOnline does something when the network is back.
export function useBackOnline(back: () => unknown): void {
  const latest = useRef(back)
  latest.current = back
  useEffect(() => {
    const now = () => latest.current()
    globalThis.addEventListener('online', now)
    return () => globalThis.removeEventListener('online', now)
  }, [])
}
