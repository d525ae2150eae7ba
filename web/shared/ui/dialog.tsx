// A modal dialog over the browser's own <dialog>: the page behind is inert, Tab
// goes round inside, Escape closes where closing loses nothing, a click beside
// it does nothing, and the focus returns to where it came from.
import type { ComponentChildren } from 'preact'
import { useId, useLayoutEffect, useRef } from 'preact/hooks'
import { Icon } from './icon'
import { word } from './words'

interface Props {
  title: string
  // Absent: the dialog can only be left by its own buttons.
  onClose?: () => void
  narrow?: boolean
  testid?: string
  // Where the focus goes if what opened the dialog is gone by then.
  fallback?: string
  children: ComponentChildren
}

const reachable = 'a[href], button, input, select, textarea, summary, [tabindex]'

export function focusable(within: HTMLElement): HTMLElement[] {
  return [...within.querySelectorAll<HTMLElement>(reachable)].filter(
    (e) => e.tabIndex >= 0 && !e.hasAttribute('disabled') && e.getClientRects().length > 0 && getComputedStyle(e).visibility !== 'hidden',
  )
}

export function Dialog(p: Props) {
  const box = useRef<HTMLDialogElement>(null)
  const title = useId()

  // Before the paint, so that the page is never seen without its dialog's veil.
  useLayoutEffect(() => {
    const dialog = box.current
    if (!dialog) return
    const before = document.activeElement instanceof HTMLElement ? document.activeElement : null
    if (!dialog.open) dialog.showModal()
    const first = dialog.querySelector<HTMLElement>('[data-autofocus]') ?? dialog.querySelector<HTMLElement>('h2')
    first?.focus()
    return () => {
      if (dialog.open) dialog.close()
      const back = before?.isConnected && before !== document.body ? before : document.querySelector<HTMLElement>(p.fallback ?? 'main')
      back?.focus()
    }
  }, [])

  const keys = (e: KeyboardEvent) => {
    if (e.key !== 'Tab' || !box.current) return
    const all = focusable(box.current)
    const first = all[0]
    const last = all[all.length - 1]
    if (!first || !last) return
    const at = document.activeElement
    const inside = all.includes(at as HTMLElement)
    if (e.shiftKey && (at === first || !inside)) {
      e.preventDefault()
      last.focus()
    } else if (!e.shiftKey && at === last) {
      e.preventDefault()
      first.focus()
    }
  }

  return (
    <dialog
      ref={box}
      class={p.narrow ? 'dialog dialog-narrow' : 'dialog'}
      aria-labelledby={title}
      data-testid={p.testid}
      onKeyDown={keys}
      onCancel={(e) => {
        // The browser would close it by itself; whether it is drawn is the app's.
        e.preventDefault()
        p.onClose?.()
      }}
    >
      <div class="dialog-head">
        <h2 id={title} tabIndex={-1}>
          {p.title}
        </h2>
        {p.onClose && (
          <button type="button" class="dialog-close" aria-label={word('close')} onClick={p.onClose} data-testid="dialog-close">
            <Icon name="close" />
          </button>
        )}
      </div>
      <div class="dialog-body">{p.children}</div>
    </dialog>
  )
}
