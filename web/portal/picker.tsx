// A choice of one out of a list that is too long for cards: the browser's own.
interface Props {
  id: string
  label: string
  value: string
  options: { value: string; title: string }[]
  error?: string
  onChange: (value: string) => void
}

export function Picker(p: Props) {
  return (
    <div class="field">
      <label for={p.id}>{p.label}</label>
      {p.error && (
        <span class="field-error" id={`${p.id}-error`}>
          {p.error}
        </span>
      )}
      <select
        id={p.id}
        class="input"
        value={p.value}
        aria-invalid={p.error ? 'true' : undefined}
        aria-describedby={p.error ? `${p.id}-error` : undefined}
        onChange={(e) => p.onChange(e.currentTarget.value)}
        data-testid={p.id}
      >
        {p.options.map((o) => (
          <option key={o.value} value={o.value}>
            {o.title}
          </option>
        ))}
      </select>
    </div>
  )
}
