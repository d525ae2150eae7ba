// Radio buttons drawn as cards; the browser's own inputs, so that arrows, labels
// and screen readers work as everywhere.
import type { ComponentChildren } from 'preact'

export interface Option {
  value: string
  title: string
  note?: ComponentChildren
  off?: boolean
  testid?: string
}

interface Props {
  name: string
  legend: string
  hint?: ComponentChildren
  error?: string
  value: string
  options: Option[]
  onChange: (value: string) => void
  columns?: 'one' | 'two'
}

export function Choices(p: Props) {
  return (
    <fieldset class="stack-s" aria-describedby={p.error ? `${p.name}-error` : undefined}>
      <legend class="legend">{p.legend}</legend>
      {p.hint && <p class="hint">{p.hint}</p>}
      {p.error && (
        <p class="field-error" id={`${p.name}-error`}>
          {p.error}
        </p>
      )}
      <div class={`choices${p.columns ? ` choices-${p.columns}` : ''}${p.options.some((o) => o.note) ? ' choices-noted' : ''}`}>
        {p.options.map((o, i) => {
          const on = p.value === o.value
          return (
            <label key={o.value} class={`choice${on ? ' choice-on' : ''}${o.off ? ' choice-off' : ''}`} data-testid={o.testid}>
              <input
                id={i === 0 ? p.name : undefined}
                type="radio"
                name={p.name}
                value={o.value}
                checked={on}
                disabled={o.off}
                onChange={() => p.onChange(o.value)}
              />
              <span class="choice-text">
                <span>{o.title}</span>
                {o.note && <span class={o.off ? 'small' : 'small muted'}>{o.note}</span>}
              </span>
            </label>
          )
        })}
      </div>
    </fieldset>
  )
}
