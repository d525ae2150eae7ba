// A thing as it stands now: read once, and again every two seconds while it can
// change by itself and somebody looks.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { isAbort } from '../shared/api'
import { type Problem, asProblem } from '../shared/problem'
import { call } from './state'

export interface Polled<T> {
  value: T | undefined
  // Of the first reading, or of the latest one while a value is shown.
  problem: Problem | undefined
  reload: () => void
  // An answer of the server's to an act: newer than whatever is being read.
  take: (value: T) => void
}

const every = 2000

export function usePolled<T>(url: string, moving: (value: T) => boolean): Polled<T> {
  const [value, setValue] = useState<T | undefined>(undefined)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const running = useRef<AbortController | undefined>(undefined)
  const take = useCallback((found: T) => {
    running.current?.abort()
    setValue(() => found)
    setProblem(undefined)
  }, [])
  const reload = useCallback(() => {
    running.current?.abort()
    const mine = new AbortController()
    running.current = mine
    call<T>('GET', url, { signal: mine.signal })
      .then(
        (found) => running.current === mine && !mine.signal.aborted && take(found),
        (e: unknown) => running.current === mine && !isAbort(e) && setProblem(asProblem(e)),
      )
      .finally(() => {
        if (running.current === mine) running.current = undefined
      })
  }, [url])
  useEffect(() => {
    reload()
    return () => running.current?.abort()
  }, [reload])
  const follows = value !== undefined && moving(value)
  useEffect(() => {
    if (!follows) return
    // A reading that takes longer than the pause is waited for: cut off each time, it
    // would never arrive.
    const again = () => {
      if (!document.hidden && !running.current) reload()
    }
    const timer = setInterval(again, every)
    document.addEventListener('visibilitychange', again)
    return () => {
      clearInterval(timer)
      document.removeEventListener('visibilitychange', again)
    }
  }, [follows, reload])
  return { value, problem, reload, take }
}
