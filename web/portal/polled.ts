// A thing as it stands now: read once, and again while it can change by itself and
// somebody looks. At first every two seconds: a payment is confirmed within moments; the
// longer nothing happens the less often, since what is waited for then is a person.
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

const first = 2000
const longest = 15_000

// How long to wait, by how long nothing has happened.
export function pause(quiet: number): number {
  return Math.min(longest, Math.max(first, quiet / 20))
}

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
  const text = JSON.stringify(value)
  useEffect(() => {
    if (!follows) return
    let since = Date.now()
    let timer: ReturnType<typeof setTimeout>
    // A reading that takes longer than the pause is waited for: cut off each time, it
    // would never arrive.
    const again = () => {
      clearTimeout(timer)
      timer = setTimeout(again, pause(Date.now() - since))
      if (!document.hidden && !running.current) reload()
    }
    const seen = () => {
      if (document.hidden) return
      since = Date.now()
      again()
    }
    timer = setTimeout(again, first)
    document.addEventListener('visibilitychange', seen)
    return () => {
      clearTimeout(timer)
      document.removeEventListener('visibilitychange', seen)
    }
  }, [follows, reload, text])
  return { value, problem, reload, take }
}
