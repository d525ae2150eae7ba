// The frame of the portal's lists: the heading and what the list is for, filters, the
// table with its keys, more of it, and the states loading, failed, refused and empty.
import type { ComponentChildren, RefObject } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import type { Page } from '../shared/model'
import type { Problem } from '../shared/problem'
import { Blank, Button, type IconName, ProblemCode, ProblemNote, Waiting } from '../shared/ui'
import { useNarrow } from './flow/tick'
import { useLoad } from './load'
import { call } from './state'
import { w } from './words'

export interface Pages<T, P> {
  items: T[] | undefined
  first: P | undefined
  problem: Problem | undefined
  loading: boolean
  reload: () => void
  more: (() => void) | undefined // undefined at the end
}

// A list of the server's, page after page. Loading it again reads all pages that are
// shown, so that a change shows in any of them; another address begins anew.
export function usePages<T, P extends Page<T> = Page<T>>(url: (cursor: string) => string): Pages<T, P> {
  const base = url('')
  const had = useRef<{ base: string; pages: P[] }>({ base, pages: [] })
  const growing = useRef(false)
  const load = useLoad(
    async (signal) => {
      const before = had.current.base === base ? had.current.pages : []
      const pages = growing.current ? [...before] : []
      const until = Math.max(1, before.length + (growing.current ? 1 : 0))
      growing.current = false
      let cursor = pages.at(-1)?.next ?? ''
      do {
        const page = await call<P>('GET', url(cursor), { signal })
        pages.push(page)
        cursor = page.next ?? ''
      } while (cursor && pages.length < until)
      had.current = { base, pages }
      return pages
    },
    [base],
  )
  const more = () => {
    growing.current = true
    load.reload()
  }
  return {
    items: load.data?.flatMap((p) => p.items),
    first: load.data?.[0],
    problem: load.problem,
    loading: load.loading,
    reload: load.reload,
    more: load.data?.at(-1)?.next ? more : undefined,
  }
}

export interface Column<T> {
  head: string
  cell: (x: T) => ComponentChildren
  class?: string
}

interface Empty {
  icon: IconName
  title: string
  text: string
  act?: ComponentChildren
  testid?: string
}

interface Props<T, P> {
  title: string
  lead?: string
  buttons?: ComponentChildren // beside the heading
  filters?: ComponentChildren
  notes?: ComponentChildren // what came of an act
  caption: string
  list: Pages<T, P>
  columns: Column<T>[]
  acts?: (x: T) => ComponentChildren
  row: (x: T) => { id: string; testid: string; state?: string; class?: string }
  empty: Empty
  loading?: string
  failed?: string
  ids?: boolean // the cells hold ids, which break anywhere
  keys?: boolean // say that the arrow keys work
  children?: ComponentChildren // dialogs, further sections
}

export function List<T, P>(p: Props<T, P>) {
  const { list } = p
  // The same buttons stand once: where there is nothing yet, with the words that explain them.
  const below = list.items?.length === 0 && p.empty.act !== undefined && p.empty.act === p.buttons
  const page = useRef<HTMLDivElement>(null)
  useMoved(below, page)
  return (
    <div class="stack page-body" ref={page}>
      <div class="row-between">
        <h1>{p.title}</h1>
        {!below && p.buttons}
      </div>
      {p.lead && <p class="lead">{p.lead}</p>}
      {p.filters}
      {p.notes}
      {list.problem && list.items && <ProblemNote problem={list.problem} meaning={w('stale')} onRetry={list.reload} retryText={w('reload')} />}
      <section class="card" aria-label={p.caption}>
        {!list.items ? (
          list.problem ? (
            <Failed problem={list.problem} meaning={p.failed ?? w('loadFailed')} onRetry={list.reload} />
          ) : (
            <Waiting text={p.loading} testid="loading" />
          )
        ) : list.items.length > 0 ? (
          <Table {...p} items={list.items} />
        ) : (
          <Blank icon={p.empty.icon} title={p.empty.title} testid={p.empty.testid ?? 'empty'}>
            <p>{p.empty.text}</p>
            {p.empty.act}
          </Blank>
        )}
        {list.items && list.more && (
          <nav class="pager" aria-label={p.caption}>
            <Button size="small" busy={list.loading} onClick={list.more} testid="more">
              {w('more')}
            </Button>
          </nav>
        )}
      </section>
      {p.children}
    </div>
  )
}

// What stands in the place of a list, or of a thing, that could not be loaded.
export function Failed({ problem, meaning, onRetry }: { problem: Problem; meaning: string; onRetry: () => void }) {
  const state = problem.code === 'offline' ? 'offline' : problem.status === 403 ? 'no-permission' : 'failed'
  const icons = { offline: 'offline', 'no-permission': 'lock', failed: 'warn' } as const
  return (
    <Blank icon={icons[state]} title={problem.title} testid={state}>
      <p>{meaning}</p>
      <Button kind="primary" onClick={onRetry} testid="retry">
        {w('reload')}
      </Button>
      <ProblemCode problem={problem} />
    </Blank>
  )
}

// On a narrow screen each row is a card. The roles are written out because a table
// whose rows are drawn as blocks loses them.
function Table<T, P>({ items, ...p }: Props<T, P> & { items: T[] }) {
  const body = useRef<HTMLTableSectionElement>(null)
  // Up and down go from row to row, to what can be done there; Enter does it.
  const keys = (e: KeyboardEvent) => {
    const step = e.key === 'ArrowDown' ? 1 : e.key === 'ArrowUp' ? -1 : 0
    if (step === 0 || !body.current) return
    const rows = [...body.current.rows].filter((row) => row.querySelector('button, a'))
    const at = rows.findIndex((row) => row.contains(document.activeElement))
    const to = rows[Math.min(rows.length - 1, Math.max(0, at + step))]
    if (!to) return
    e.preventDefault()
    ;(to.querySelector<HTMLElement>('.col-acts button, .col-acts a') ?? to.querySelector<HTMLElement>('button, a'))?.focus()
  }
  return (
    <>
      <div class="table-box" aria-busy={p.list.loading ? 'true' : undefined}>
        <table class={p.ids ? 'table table-break' : 'table'} role="table" aria-label={p.caption} onKeyDown={keys}>
          <thead role="rowgroup">
            <tr role="row">
              {[...p.columns.map((c) => c.head), ...(p.acts ? [w('acts')] : [])].map((head) => (
                <th key={head} role="columnheader" scope="col">
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody role="rowgroup" ref={body}>
            {items.map((x) => {
              const { id, testid, state, class: cls } = p.row(x)
              return (
                <tr key={id} role="row" data-testid={testid} data-id={id} data-state={state} class={cls}>
                  {p.columns.map((c) => (
                    <td key={c.head} role="cell" data-label={c.head} class={c.class}>
                      {c.cell(x)}
                    </td>
                  ))}
                  {p.acts && (
                    <td role="cell" class="col-acts">
                      <span class="acts">{p.acts(x)}</span>
                    </td>
                  )}
                </tr>
              )
            })}
          </tbody>
        </table>
      </div>
      {p.keys && <p class="card-text small list-keys">{w('keys')}</p>}
    </>
  )
}

interface Filtering {
  onFind: () => void
  // What is found now, in a few words: on a narrow screen the form is folded behind it.
  folded?: string
  children: ComponentChildren
}

// A form above a list: what it finds is asked for by Enter or by the button.
export function Filters({ onFind, folded, children }: Filtering) {
  const narrow = useNarrow()
  const form = (
    <form
      class="list-filters"
      role="search"
      onSubmit={(e) => {
        e.preventDefault()
        onFind()
      }}
    >
      {children}
    </form>
  )
  if (!narrow || folded === undefined) return form
  return (
    <details class="fold">
      <summary data-testid="filters">
        {w('filters')} <span class="muted">{folded}</span>
      </summary>
      {form}
    </details>
  )
}

// The buttons move when the list fills or empties: the focus moves with them.
function useMoved(below: boolean, page: RefObject<HTMLElement | null>): void {
  // Read while the page still stands as it was.
  const at = document.activeElement
  const held = at instanceof HTMLElement && page.current?.contains(at) ? at.dataset['testid'] : undefined
  useLayoutEffect(() => {
    if (held === undefined || document.activeElement !== document.body) return
    ;(page.current?.querySelector<HTMLElement>(`[data-testid="${held}"]`) ?? document.getElementById('main'))?.focus()
  }, [below])
}

// Two lines of a cell: what it is about, and what goes with it.
export function Cell({ strong, sub, children }: { strong?: ComponentChildren; sub?: ComponentChildren[]; children?: ComponentChildren }) {
  return (
    <span class="cell-stack">
      {strong && <strong>{strong}</strong>}
      {children}
      {sub?.map((line, i) => line && (
        <span key={i} class="cell-sub">
          {line}
        </span>
      ))}
    </span>
  )
}
