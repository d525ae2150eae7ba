// An order as it stands now: read once, and again every two seconds while it can
// change by itself and somebody looks.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { type Problem, asProblem } from '../../shared/problem'
import { isAbort } from '../../shared/api'
import { call } from '../state'
import { type Order, moving } from './model'

export interface Followed {
  order: Order | undefined
  // Of the first reading, or of the latest one while an order is shown.
  problem: Problem | undefined
  reload: () => void
  // An answer of the server's to an act: newer than whatever is being read.
  take: (o: Order) => void
}

const every = 2000

export function useOrder(id: string): Followed {
  const [order, setOrder] = useState<Order | undefined>(undefined)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const running = useRef<AbortController | undefined>(undefined)
  const take = useCallback((o: Order) => {
    running.current?.abort()
    setOrder(o)
    setProblem(undefined)
  }, [])
  const reload = useCallback(() => {
    running.current?.abort()
    const mine = new AbortController()
    running.current = mine
    call<Order>('GET', `/v1/orders/${id}`, { signal: mine.signal }).then(
      (o) => running.current === mine && !mine.signal.aborted && take(o),
      (e: unknown) => running.current === mine && !isAbort(e) && setProblem(asProblem(e)),
    )
  }, [id])
  useEffect(() => {
    reload()
    return () => running.current?.abort()
  }, [reload])
  const follows = order !== undefined && moving(order)
  useEffect(() => {
    if (!follows) return
    const timer = setInterval(() => {
      if (!document.hidden) reload()
    }, every)
    const back = () => {
      if (!document.hidden) reload()
    }
    document.addEventListener('visibilitychange', back)
    return () => {
      clearInterval(timer)
      document.removeEventListener('visibilitychange', back)
    }
  }, [follows, reload])
  return { order, problem, reload, take }
}
