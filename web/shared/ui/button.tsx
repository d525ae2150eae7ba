import type { ComponentChildren, TargetedMouseEvent } from 'preact'
import { Spinner } from './spinner'

type Kind = 'primary' | 'secondary' | 'danger' | 'quiet' | 'quiet-danger'

const kinds: Record<Kind, string> = {
  primary: 'button-primary',
  secondary: '',
  danger: 'button-danger',
  quiet: 'button-quiet',
  'quiet-danger': 'button-quiet button-danger',
}

interface Props {
  kind?: Kind
  size?: 'small' | 'large'
  wide?: boolean
  busy?: boolean
  off?: boolean
  submit?: boolean
  testid?: string
  label?: string
  describedBy?: string
  autofocus?: boolean
  onClick?: (e: TargetedMouseEvent<HTMLButtonElement>) => void
  class?: string
  id?: string
  children: ComponentChildren
}

// Busy and off buttons stay in the tab order: a disabled one would drop the
// focus to the top of the page while the person waits.
export function Button(p: Props) {
  const classes = ['button', kinds[p.kind ?? 'secondary'], p.size ? `button-${p.size}` : '', p.wide ? 'button-wide' : '', p.class ?? '']
  return (
    <button
      id={p.id}
      type={p.submit ? 'submit' : 'button'}
      class={classes.filter(Boolean).join(' ')}
      data-testid={p.testid}
      data-autofocus={p.autofocus ? '' : undefined}
      aria-label={p.label}
      aria-describedby={p.describedBy}
      aria-busy={p.busy ? 'true' : undefined}
      aria-disabled={p.off ? 'true' : undefined}
      onClick={(e) => {
        if (p.busy || p.off) {
          e.preventDefault()
          return
        }
        p.onClick?.(e)
      }}
    >
      {p.busy && <Spinner />}
      {p.children}
    </button>
  )
}
