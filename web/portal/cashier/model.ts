// The shapes of orders and invoices in the server's JSON.
export type OrderState = 'open' | 'closing' | 'paid' | 'closed' | 'refunding' | 'refunded'

export interface Line {
  name: string
  category: string
  spec?: string
  unit: string
  quantity: number
  unit_fen: number
  amount_fen: number
}

export interface Transfer {
  payee: string
  bank: string
  account: string
}

export interface Method {
  provider: string
  sandbox: boolean
  transfer?: Transfer
}

export interface Attempt {
  id: string
  provider: string
  state: 'starting' | 'waiting' | 'review' | 'dropped' | 'settled' | 'ended'
  code?: string
  expires_at: string
  reason?: string
  note?: string
  proof?: string
  proof_at?: string
}

export interface Refund {
  id: string
  provider: string
  amount_fen: number
  state: 'owed' | 'pending' | 'by_hand' | 'done'
  reason: string
  note?: string
  at: string
  done_at?: string
}

export interface Order {
  id: string
  number: string
  state: OrderState
  subject: { kind: string; id: string }
  lines: Line[]
  amount_fen: number
  created_at: string
  expires_at: string
  paid_at?: string
  paid_with?: string
  refunded_at?: string
  completed_at?: string
  methods: Method[]
  attempt?: Attempt
  refunds: Refund[]
}

// A reviewer's decision until it takes effect.
export interface ReviewDecision {
  accept: boolean
  reason?: string
  due: string
  mine: boolean
}

export interface QueuedOrder extends Order {
  since: string
  account: string
  organisation: string
  decision?: ReviewDecision
  acts: ('decide' | 'received' | 'refunded' | 'undo')[]
}

// Something can still change without the person's doing.
export function moving(o: Order): boolean {
  return o.state === 'open' || o.state === 'closing' || o.state === 'refunding'
}

// Money that went back, or is on its way, and was not the payment of the order.
export function surplus(o: Order): Refund[] {
  return o.refunds.filter((r) => r.reason === 'amount_differs' || r.reason === 'paid_again')
}
