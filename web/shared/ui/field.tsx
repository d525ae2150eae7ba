import type { ComponentChildren, TargetedInputEvent, TargetedKeyboardEvent } from 'preact'
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { Button } from './button'
import { word } from './words'

interface Props {
  id?: string
  label: string
  value: string
  onInput: (value: string) => void
  type?: 'text' | 'password' | 'search'
  hint?: ComponentChildren
  error?: string
  testid?: string
  autocomplete?: string
  inputMode?: 'text' | 'numeric' | 'search'
  maxLength?: number
  placeholder?: string
  autofocus?: boolean
  onKeyDown?: (e: TargetedKeyboardEvent<HTMLInputElement>) => void
}

export function Field(p: Props) {
  const made = useId()
  const id = p.id ?? made
  const [shown, setShown] = useState(false)
  const password = p.type === 'password'
  const describedBy = [p.hint ? `${id}-hint` : '', p.error ? `${id}-error` : ''].filter(Boolean).join(' ')
  const rest = {
    id,
    class: 'input',
    value: p.value,
    onInput: (e: TargetedInputEvent<HTMLInputElement>) => p.onInput(e.currentTarget.value),
    onKeyDown: p.onKeyDown,
    'aria-invalid': p.error ? ('true' as const) : undefined,
    'aria-describedby': describedBy || undefined,
    autocomplete: p.autocomplete ?? 'off',
    autocapitalize: 'none' as const,
    spellcheck: false,
    inputMode: p.inputMode,
    maxLength: p.maxLength,
    placeholder: p.placeholder,
    'data-testid': p.testid,
    'data-autofocus': p.autofocus ? '' : undefined,
  }
  const input =
    password && !shown ? <input type="password" {...rest} /> : p.type === 'search' ? <input type="search" {...rest} /> : <input type="text" {...rest} />
  return (
    <div class="field">
      <label for={id}>{p.label}</label>
      {p.hint && (
        <span class="hint" id={`${id}-hint`}>
          {p.hint}
        </span>
      )}
      {p.error && (
        <span class="field-error" id={`${id}-error`}>
          {p.error}
        </span>
      )}
      {password ? (
        <div class="with-affix">
          {input}
          <span class="affix">
            <Button kind="quiet" size="small" label={word(shown ? 'hidePassword' : 'showPassword')} onClick={() => setShown(!shown)}>
              {word(shown ? 'hide' : 'show')}
            </Button>
          </span>
        </div>
      ) : (
        input
      )}
    </div>
  )
}

export interface Mistake {
  field: string
  text: string
}

// In words that follow the language, should it be changed while they are shown.
export function mistake(field: string, say: () => string): Mistake {
  return {
    field,
    get text() {
      return say()
    },
  }
}

// Takes the focus when it appears, so that it is read out; each line leads to
// the field that it speaks of.
export function ErrorSummary({ mistakes }: { mistakes: Mistake[] }) {
  const box = useRef<HTMLDivElement>(null)
  const key = mistakes.map((m) => m.field + m.text).join()
  useEffect(() => {
    if (mistakes.length > 0) box.current?.focus()
  }, [key])
  if (mistakes.length === 0) return null
  return (
    <div class="summary" ref={box} tabIndex={-1} role="alert" data-testid="error-summary">
      <h2>{word('summary', { n: mistakes.length })}</h2>
      <ul>
        {mistakes.map((m) => (
          <li key={m.field}>
            <a
              href={`#${m.field}`}
              onClick={(e) => {
                // The address is the router's: the field is focused by hand.
                e.preventDefault()
                document.getElementById(m.field)?.focus()
              }}
            >
              {m.text}
            </a>
          </li>
        ))}
      </ul>
    </div>
  )
}
