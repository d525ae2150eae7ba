import type { ComponentChildren } from 'preact'
import { Icon, type IconName } from './icon'
import { Button } from './button'
import { Problem } from '../problem'
import { word } from './words'

type Tone = 'plain' | 'good' | 'warn' | 'danger'
const icons: Record<Tone, IconName> = { plain: 'info', good: 'check', warn: 'warn', danger: 'stop' }

export function Note(p: { tone?: Tone; title?: string; testid?: string; live?: boolean; children?: ComponentChildren }) {
  const tone = p.tone ?? 'plain'
  return (
    <div class={tone === 'plain' ? 'note' : `note note-${tone}`} role={p.live ? (tone === 'danger' ? 'alert' : 'status') : undefined} data-testid={p.testid}>
      <Icon name={icons[tone]} />
      <div class="note-body">
        {p.title && <p class="note-title">{p.title}</p>}
        {p.children}
      </div>
    </div>
  )
}

interface ProblemProps {
  problem: Problem
  // What the problem means for what the person was doing.
  meaning?: string
  onRetry?: () => void
  retryText?: string
  testid?: string
  children?: ComponentChildren
}

// What happened, what it means, the next step; and, small, what the help desk asks for.
export function ProblemNote(p: ProblemProps) {
  return (
    <Note tone={p.problem.passing ? 'warn' : 'danger'} live testid={p.testid ?? 'problem'}>
      <p class="note-title">{p.problem.title}</p>
      {p.problem.detail && <p>{p.problem.detail}</p>}
      {p.meaning && <p>{p.meaning}</p>}
      {p.children}
      {p.onRetry && (
        <Button size="small" onClick={p.onRetry} testid="retry">
          {p.retryText ?? word('retry')}
        </Button>
      )}
      <ProblemCode problem={p.problem} />
    </Note>
  )
}

export function ProblemCode({ problem }: { problem: Problem }) {
  return (
    <p class="note-code">
      {word('code', { code: problem.code })}
      {problem.requestId && ` · ${word('request', { id: problem.requestId })}`}
    </p>
  )
}

// An empty, refused or unreachable view: what it is, and one way on.
export function Blank(p: { icon: IconName; title: string; testid?: string; children?: ComponentChildren }) {
  return (
    <div class="blank" data-testid={p.testid}>
      <Icon name={p.icon} />
      <h2>{p.title}</h2>
      {p.children}
    </div>
  )
}
