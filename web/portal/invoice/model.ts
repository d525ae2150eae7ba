import type { Order, ReviewDecision } from '../cashier/model'

export interface Title {
  id: string
  name: string
  tax_number: string
  address?: string
  phone?: string
  bank?: string
  account?: string
}

export interface Recipient {
  phone: string
  email: string
  name?: string
  address?: string
}

export interface Invoice {
  id: string
  state: 'reviewing' | 'issuing' | 'issued' | 'rejected'
  order_number: string
  amount_fen: number
  content: 'detail' | 'category'
  medium: 'electronic' | 'paper'
  title_type: string
  invoice_type: string
  applied_at: string
  reason?: string
  number?: string
  file_kind?: string
  issued_at?: string
  sandbox: boolean
  carrier?: string
  tracking?: string
  proof: boolean
}

export interface QueuedInvoice extends Invoice {
  account: string
  organisation: string
  decision?: ReviewDecision
}

export interface InvoiceCase {
  standing: 'available' | 'reviewing' | 'issuing' | 'issued' | 'rejected' | 'expired' | 'not_completed' | 'not_paid'
  deadline?: string
  days: number
  prove: boolean
  order: Order
  invoice?: Invoice
  title?: Title
  recipient: Recipient
}

export interface Details {
  invoice: Invoice
  title: Title
  recipient: Recipient
  lines: { name: string; category: string; spec?: string; unit: string; quantity: number; unit_fen: number }[]
}
