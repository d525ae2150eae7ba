import type { ComponentChildren } from 'preact'

interface Props {
  id: string
  label: string
  hint?: ComponentChildren
  error?: string
  accept: string
  file: File | undefined
  onFile: (file: File | undefined) => void
  testid?: string
}

// The browser's own chooser, which every keyboard and screen reader knows.
export function FileInput(p: Props) {
  const describedBy = [p.hint ? `${p.id}-hint` : '', p.error ? `${p.id}-error` : ''].filter(Boolean).join(' ')
  return (
    <div class="field">
      <label for={p.id}>{p.label}</label>
      {p.hint && (
        <span class="hint" id={`${p.id}-hint`}>
          {p.hint}
        </span>
      )}
      {p.error && (
        <span class="field-error" id={`${p.id}-error`}>
          {p.error}
        </span>
      )}
      <input
        id={p.id}
        class="input input-file"
        type="file"
        accept={p.accept}
        aria-invalid={p.error ? 'true' : undefined}
        aria-describedby={describedBy || undefined}
        data-testid={p.testid}
        onChange={(e) => p.onFile(e.currentTarget.files?.[0])}
      />
    </div>
  )
}
