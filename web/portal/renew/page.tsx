// CA续费与延期: what is to be renewed, and how each renewal stands; with an id in
// the address, one of them.
import { useState } from 'preact/hooks'
import { query } from '../../shared/api'
import type { Page } from '../../shared/model'
import { Blank, Button, ProblemNote, Waiting } from '../../shared/ui'
import { useDraft } from '../draft'
import { useLoad } from '../load'
import { go } from '../router'
import { call, has } from '../state'
import { w } from '../words'
import { AddDialog } from './add'
import { Detail } from './detail'
import type { Candidate, Renewal } from './model'
import { RenewalTable } from './table'
import { r } from './words'

export function RenewPage({ item }: { item: string }) {
  return item ? <Detail id={item} /> : <List />
}

function List() {
  const scope = has('admin') ? 'organisation' : 'mine'
  const [view, change] = useDraft<{ adding: boolean }>('renew', { adding: false })
  const [older, setOlder] = useState<Renewal[]>([])
  const [next, setNext] = useState<string | undefined>(undefined)
  const [busy, setBusy] = useState(false)
  const get = (cursor: string, signal?: AbortSignal) => call<Page<Renewal>>('GET', `/v1/renewals${query({ scope, limit: 20, cursor })}`, { signal })
  const list = useLoad((signal) => get('', signal), [scope])
  const candidates = useLoad((signal) => call<Page<Candidate>>('GET', `/v1/renewals/candidates${query({ scope })}`, { signal }), [scope])
  const cursor = next ?? list.data?.next
  const due = candidates.data?.items.filter((c) => c.due) ?? []
  const items = list.data && [...list.data.items, ...older]
  const problem = list.problem ?? candidates.problem
  const reload = () => {
    list.reload()
    candidates.reload()
  }
  const more = async () => {
    setBusy(true)
    try {
      const page = await get(cursor ?? '')
      setOlder([...older, ...page.items])
      setNext(page.next ?? '')
    } catch {
      list.reload() // says what is wrong
    }
    setBusy(false)
  }
  return (
    <div class="stack page-body">
      <div class="row-between">
        <h1>{w('renew')}</h1>
        <Button kind="primary" onClick={() => change({ adding: true })} testid="renew-add">
          {r('add')}
        </Button>
      </div>
      <p class="lead">{r('lead')}</p>
      {problem && <ProblemNote problem={problem} meaning={w('loadFailed')} onRetry={reload} retryText={w('reload')} testid="failed" />}
      <section class="card" aria-label={r('list')}>
        {!items || !candidates.data ? (
          !problem && <Waiting text={r('loading')} testid="loading" />
        ) : items.length + due.length === 0 ? (
          <Blank icon="clock" title={r('empty')} testid="empty">
            <p>{r('emptyText')}</p>
          </Blank>
        ) : (
          <RenewalTable due={due} items={items} />
        )}
        {cursor && (
          <div class="pager">
            <Button size="small" busy={busy} onClick={() => void more()}>
              {r('more')}
            </Button>
          </div>
        )}
      </section>
      {view.adding && (
        <AddDialog
          scope={scope}
          onClose={() => change({ adding: false })}
          onStarted={(n) => {
            change({ adding: false })
            if (n.state === 'payment' && n.order) go('cashier', n.order)
            else go('renew', n.id)
          }}
        />
      )}
    </div>
  )
}
