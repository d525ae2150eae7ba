import { word } from './words'

export function Spinner({ large }: { large?: boolean }) {
  return <span class={large ? 'spinner spinner-large' : 'spinner'} aria-hidden="true" />
}

// The loading state of a whole view or panel.
export function Waiting({ text, testid }: { text?: string; testid?: string }) {
  return (
    <div class="waiting" role="status" data-testid={testid}>
      <Spinner large />
      <span>{text ?? word('waiting')}</span>
    </div>
  )
}
