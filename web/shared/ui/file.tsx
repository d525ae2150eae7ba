import type { ComponentChildren } from 'preact'
import { Icon } from './icon'
import { word } from './words'

interface ButtonProps {
  id: string
  accept?: string
  text?: string
  off?: boolean
  invalid?: boolean
  describedBy?: string
  testid?: string
  onFile: (file: File | undefined) => void
}

// The browser's own chooser, which every keyboard and screen reader knows, under a
// button in the page's language. Its name is the field's label and the button's text.
export function FileButton(p: ButtonProps) {
  return (
    <span class="file-pick">
      <input
        id={p.id}
        class="visually-hidden file-native"
        type="file"
        accept={p.accept}
        disabled={p.off}
        aria-invalid={p.invalid ? 'true' : undefined}
        aria-describedby={p.describedBy}
        data-testid={p.testid}
        onClick={(e) => (e.currentTarget.value = '')} // so that the same file can be chosen again
        onChange={(e) => p.onFile(e.currentTarget.files?.[0])}
      />
      <label class="button" for={p.id} aria-disabled={p.off ? 'true' : undefined}>
        {p.text ?? word('chooseFile')}
      </label>
    </span>
  )
}

interface Props {
  id: string
  label: string
  hint?: ComponentChildren
  error?: string
  accept?: string
  file: File | undefined
  onFile: (file: File | undefined) => void
  testid?: string
}

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
      <span class="row">
        <FileButton id={p.id} accept={p.accept} invalid={p.error !== undefined} describedBy={describedBy || undefined} testid={p.testid} text={p.file && word('replaceFile')} onFile={p.onFile} />
        {p.file ? (
          <span class="file-name">
            <Icon name="check" />
            {p.file.name}
          </span>
        ) : (
          <span class="muted small">{word('noFile')}</span>
        )}
      </span>
    </div>
  )
}
