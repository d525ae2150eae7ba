import { createContext } from 'preact'
import { useCallback, useContext, useEffect, useRef, useState } from 'preact/hooks'
import { asProblem, type Problem } from '../../shared/problem'
import { serverTime } from '../../shared/servertime'
import type { Phone } from '../core/phone'
import type { Watched } from '../core/watched'

export const PhoneContext = createContext<Phone | undefined>(undefined)

export function usePhone(): Phone {
  const phone = useContext(PhoneContext)
  if (!phone) throw new Error('no phone around this view')
  return phone
}

// Draws again whenever the watched thing says that it changed.
export function useWatched(it: Watched | undefined): void {
  const [, redraw] = useState(0)
  useEffect(() => {
    if (!it) return
    // It may have changed between the drawing and now, for the last time.
    redraw((n) => n + 1)
    return it.watch(() => redraw((n) => n + 1))
  }, [it])
}

export interface Load<T> {
  data: T | undefined
  problem: Problem | undefined
  loading: boolean
  reload: () => void
}

// What is shown stays while newer data is fetched; an answer that comes after a
// later question is dropped; back on the network, what failed is fetched again.
export function useLoad<T>(get: () => Promise<T>, deps: unknown[]): Load<T> {
  const [state, setState] = useState<{ data?: T; problem?: Problem; loading: boolean }>({ loading: true })
  const latest = useRef(0)
  const reload = useCallback(() => {
    const mine = ++latest.current
    setState((s) => ({ ...s, loading: true }))
    get().then(
      (data) => mine === latest.current && setState({ data, loading: false }),
      (e: unknown) => mine === latest.current && setState((s) => ({ ...(s.data === undefined ? {} : { data: s.data }), problem: asProblem(e), loading: false })),
    )
  }, deps)
  useEffect(() => {
    reload()
    return () => void latest.current++
  }, [reload])
  useEffect(() => {
    addEventListener('online', reload)
    return () => removeEventListener('online', reload)
  }, [reload])
  return { data: state.data, problem: state.problem, loading: state.loading, reload }
}

export function useOnline(): boolean {
  const [online, setOnline] = useState(navigator.onLine)
  useEffect(() => {
    const tell = () => setOnline(navigator.onLine)
    addEventListener('online', tell)
    addEventListener('offline', tell)
    return () => {
      removeEventListener('online', tell)
      removeEventListener('offline', tell)
    }
  }, [])
  return online
}

// Seconds until then, by the server's clock.
export function useSecondsLeft(until: string | undefined): number {
  const left = () => (until === undefined ? 0 : Math.max(0, Math.ceil((Date.parse(until) - serverTime.now()) / 1000)))
  const [seconds, setSeconds] = useState(left)
  useEffect(() => {
    setSeconds(left())
    const timer = setInterval(() => setSeconds(left()), 250)
    return () => clearInterval(timer)
  }, [until])
  return seconds
}

// Calls back now and then while the page can be seen, and at once when it is
// looked at again.
export function useWhileSeen(run: () => void, everyMs: number): void {
  const latest = useRef(run)
  latest.current = run
  useEffect(() => {
    const seen = () => document.visibilityState === 'visible' && latest.current()
    const timer = setInterval(seen, everyMs)
    document.addEventListener('visibilitychange', seen)
    return () => {
      clearInterval(timer)
      document.removeEventListener('visibilitychange', seen)
    }
  }, [everyMs])
}

// Each view puts the focus on its heading when it appears, so that a screen
// reader begins there and the keyboard goes on from there.
export function useHeading(key: string): { current: HTMLHeadingElement | null } {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    heading.current?.focus({ preventScroll: true })
    document.documentElement.scrollTop = 0
  }, [key])
  return heading
}
