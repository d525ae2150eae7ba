// Two regions that are always in the page, since a region that arrives together
// with its text is often not read out. announce() may be called from anywhere.
import { useEffect, useState } from 'preact/hooks'

type Teller = (text: string, urgent: boolean) => void
const tellers = new Set<Teller>()

export function announce(text: string, urgent = false): void {
  for (const tell of [...tellers]) tell(text, urgent)
}

export function LiveRegion() {
  const [polite, setPolite] = useState({ n: 0, text: '' })
  const [urgent, setUrgent] = useState({ n: 0, text: '' })
  useEffect(() => {
    const tell: Teller = (text, now) => (now ? setUrgent : setPolite)((was) => ({ n: was.n + 1, text }))
    tellers.add(tell)
    return () => void tellers.delete(tell)
  }, [])
  // The key makes a repeated sentence a new node, or it would not be read again.
  return (
    <div class="visually-hidden">
      <div role="status" aria-live="polite" data-testid="live">
        <span key={polite.n}>{polite.text}</span>
      </div>
      <div role="alert" aria-live="assertive">
        <span key={urgent.n}>{urgent.text}</span>
      </div>
    </div>
  )
}
