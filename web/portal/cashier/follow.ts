// An order as it stands now.
import type { Problem } from '../../shared/problem'
import { usePolled } from '../polled'
import { type Order, moving } from './model'

export interface Followed {
  order: Order | undefined
  problem: Problem | undefined
  reload: () => void
  take: (o: Order) => void
}

export function useOrder(id: string): Followed {
  const { value, ...rest } = usePolled<Order>(`/v1/orders/${id}`, moving)
  return { order: value, ...rest }
}
