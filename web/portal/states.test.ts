import { test } from 'node:test'
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { paths, placeOf } from './router'

// The list that the accessibility checker follows must name what there is.
interface State {
  id: string
  app?: string
  login?: string
  path: string
  steps: Record<string, unknown>[]
  end?: string // the pages without script have none
}

const states = JSON.parse(readFileSync(join(process.cwd(), 'a11y/states.json'), 'utf8')) as State[]
const source = ['shared', 'portal', 'phone']
  .flatMap((f) => (readdirSync(join(process.cwd(), f), { recursive: true }) as string[]).filter((n) => n.endsWith('.tsx')).map((n) => join(f, n)))
  .map((f) => readFileSync(join(process.cwd(), f), 'utf8'))
  .join('\n')

const known = (id: string) =>
  [`"${id}"`, `'${id}'`].some((q) => source.includes(q)) ||
  [...source.matchAll(/`([a-z-]+-)\$\{/g)].some((m) => id.startsWith(m[1] ?? '') && id !== m[1])

test('every state has a name of its own and ends at something that exists', () => {
  assert.equal(new Set(states.map((s) => s.id)).size, states.length)
  for (const s of states) if (s.app !== 'plain') assert.ok(known(s.end ?? ''), `${s.id}: ${s.end}`)
})

test('every step is one of those described, at something that exists', () => {
  const kinds = ['click', 'fill', 'wait', 'phone', 'digits', 'bindings', 'portal', 'pin', 'asked', 'call', 'go', 'reply', 'offline', 'signedOut', 'reload']
  for (const s of states) {
    for (const step of s.steps) {
      const kind = Object.keys(step)[0] ?? ''
      assert.ok(kinds.includes(kind), `${s.id}: ${kind}`)
      if (['click', 'fill', 'wait'].includes(kind)) assert.ok(known(String(step[kind])), `${s.id}: ${String(step[kind])}`)
    }
  }
})

test('every page is visited', () => {
  const visited = new Set(states.filter((s) => s.login && !s.app).map((s) => placeOf(s.path)))
  for (const place of Object.keys(paths)) assert.ok(visited.has(place as keyof typeof paths), place)
})
