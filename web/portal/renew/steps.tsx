// Where a renewal stands, as a short row of steps: what is done, what is now.
import type { Renewal } from './model'
import { r } from './words'

type Key = 'pay' | 'extend' | 'new' | 'done' | 'leave' | 'review' | 'second' | 'prove'

// stepsOf gives the steps of a renewal and how many of them are done.
export function stepsOf(n: Renewal): { steps: Key[]; done: number } {
  if (n.medium === 'ukey') {
    const steps: Key[] = ['pay', 'leave', 'review', 'second', 'done', 'prove']
    const at = { material: 1, review: 2, approved: 3, rejected: 1, done: 5 }
    if (n.state === 'payment') return { steps, done: 0 }
    if (n.state === 'extended') return { steps, done: n.course?.proved ? 6 : 5 }
    return { steps, done: n.course && n.state === 'extending' ? at[n.course.step] : 1 }
  }
  const steps: Key[] = ['pay', 'extend', 'new', 'done']
  const done = { payment: 0, extension: 1, extending: 2, extended: 4 } as Record<string, number>
  return { steps, done: done[n.state] ?? 0 }
}

export function Steps({ renewal }: { renewal: Renewal }) {
  const { steps, done } = stepsOf(renewal)
  return (
    <ol class="renew-steps" aria-label={r('where')}>
      {steps.map((s, i) => (
        <li key={s} class={i < done ? 'renew-step-done' : i === done ? 'renew-step-now' : ''} aria-current={i === done ? 'step' : undefined}>
          <span class="renew-step-dot" aria-hidden="true">
            {i < done ? '✓' : i + 1}
          </span>
          <span>
            {r(`step_${s}`)}
            {i < done && <span class="visually-hidden"> ({r('finished')})</span>}
          </span>
        </li>
      ))}
    </ol>
  )
}
