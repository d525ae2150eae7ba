// The app's own pad: no keyboard of another app sees the PIN. The digits live in
// this component's state and nowhere else.
import { useEffect, useRef, useState } from 'preact/hooks'
import { Icon, Spinner, announce } from '../../shared/ui'
import { t } from '../words/pin'

const length = 6

interface Props {
  busy: boolean
  onDone: (pin: string) => void
}

export function PinPad(p: Props) {
  const [digits, setDigits] = useState('')
  const box = useRef<HTMLDivElement>(null)
  const current = useRef('')

  const set = (next: string) => {
    current.current = next
    setDigits(next)
  }
  const press = (d: string) => {
    if (p.busy || current.current.length >= length) return
    const next = current.current + d
    set(next)
    announce(t('typed', { n: next.length }))
    if (next.length === length) {
      // The last dot is seen before the pad is emptied.
      setTimeout(() => {
        set('')
        p.onDone(next)
      }, 120)
    }
  }
  const del = () => {
    if (p.busy) return
    set(current.current.slice(0, -1))
    announce(t('typed', { n: current.current.length }))
  }

  // Digits from a keyboard work too, wherever the focus is, but for a field.
  useEffect(() => {
    const key = (e: KeyboardEvent) => {
      if (e.ctrlKey || e.metaKey || e.altKey || e.target instanceof HTMLInputElement || e.target instanceof HTMLTextAreaElement) return
      if (/^[0-9]$/.test(e.key)) press(e.key)
      else if (e.key === 'Backspace') del()
      else return
      e.preventDefault()
    }
    addEventListener('keydown', key)
    return () => removeEventListener('keydown', key)
  })

  return (
    <div class="pin" ref={box} role="group" aria-label={t('pad')} data-testid="pin-pad">
      <div class="pin-dots" data-testid="pin-dots" data-count={digits.length} aria-hidden="true">
        {p.busy ? <Spinner /> : Array.from({ length }, (_, i) => <span key={i} class={i < digits.length ? 'pin-dot pin-dot-on' : 'pin-dot'} />)}
      </div>
      <div class="pin-keys">
        {['1', '2', '3', '4', '5', '6', '7', '8', '9', '', '0'].map((d) =>
          d === '' ? (
            <span key="gap" />
          ) : (
            <button key={d} type="button" class="pin-key" data-testid={`pin-${d}`} aria-disabled={p.busy ? 'true' : undefined} onClick={() => press(d)}>
              {d}
            </button>
          ),
        )}
        <button type="button" class="pin-key pin-key-quiet" data-testid="pin-del" aria-label={t('del')} aria-disabled={p.busy ? 'true' : undefined} onClick={del}>
          <Icon name="erase" />
        </button>
      </div>
    </div>
  )
}
