// A reviewer's decision until it counts, with the seconds that are left to think again.
import { useEffect, useState } from 'preact/hooks'
import { serverTime } from '../shared/servertime'
import { Button, announce } from '../shared/ui'
import { call } from './state'
import { w } from './words'

interface Decision {
  accept: boolean
  reason?: string
  due: string
  mine: boolean
}

interface Props {
  decision: Pick<Decision, 'due' | 'mine'>
  busy?: boolean
  onUndo: () => void
  onOver: () => void // it counts now
}

export function Undo({ decision: { due, mine }, busy, onUndo, onOver }: Props) {
  const end = Date.parse(due)
  const seconds = () => Math.ceil((end - serverTime.now()) / 1000)
  const [left, setLeft] = useState(seconds)
  useEffect(() => {
    const timer = setInterval(() => {
      const n = seconds()
      setLeft(n)
      if (n < -1) onOver()
    }, 500)
    return () => clearInterval(timer)
  }, [end, onOver])
  if (!mine || left <= 0) return null
  return (
    <span class="row undo">
      <span class="nums">{w('undoIn', { n: left })}</span>
      <Button size="small" busy={busy} onClick={onUndo} testid="undo">
        {w('undo')}
      </Button>
    </span>
  )
}

export function DecisionBadge({ decision: d, yes, no }: { decision: Decision; yes: string; no: string }) {
  return (
    <span class="cell-stack" data-testid="decided">
      <span class={`badge ${d.accept ? 'badge-good' : 'badge-danger'}`}>{d.accept ? yes : no}</span>
      {d.reason && <span class="cell-sub">{d.reason}</span>}
    </span>
  )
}

// Taking back decisions of a list, which is read anew whatever comes of it: too late is
// seen there.
export function useUndo(path: (id: string) => string, reload: () => void): (id: string) => Pick<Props, 'busy' | 'onUndo' | 'onOver'> {
  const [busy, setBusy] = useState('')
  const undo = async (id: string) => {
    setBusy(id)
    await call('POST', path(id), { body: {} }).then(
      () => announce(w('undone')),
      () => undefined,
    )
    setBusy('')
    reload()
  }
  return (id) => ({ busy: busy === id, onUndo: () => void undo(id), onOver: reload })
}
