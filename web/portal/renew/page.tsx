// CA续费与延期: what is to be renewed, and how each renewal stands; with an id in
// the address, one of them.
import { useState } from 'preact/hooks'
import { query } from '../../shared/api'
import type { Page } from '../../shared/model'
import type { Problem } from '../../shared/problem'
import { Button, ProblemNote } from '../../shared/ui'
import { useDraft } from '../draft'
import { List, usePages } from '../list'
import { useLoad } from '../load'
import { go } from '../router'
import { call, has } from '../state'
import { w } from '../words'
import { AddDialog } from './add'
import { Detail } from './detail'
import type { Candidate, Renewal } from './model'
import { Act, columns, rowsOf } from './table'
import { r } from './words'

export function RenewPage({ item }: { item: string }) {
  return item ? <Detail id={item} /> : <Renewals />
}

function Renewals() {
  const scope = has('admin') ? 'organisation' : 'mine'
  const [view, change] = useDraft<{ adding: boolean }>('renew', { adding: false })
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const renewals = usePages<Renewal>((cursor) => `/v1/renewals${query({ scope, limit: 20, cursor })}`)
  const candidates = useLoad((signal) => call<Page<Candidate>>('GET', `/v1/renewals/candidates${query({ scope })}`, { signal }), [scope])
  const due = candidates.data?.items.filter((c) => c.due)
  // Two lists that are one: it is there when both are.
  const list = {
    ...renewals,
    items: due && renewals.items && rowsOf(due, renewals.items),
    problem: renewals.problem ?? candidates.problem,
    loading: renewals.loading || candidates.loading,
    reload: () => {
      renewals.reload()
      candidates.reload()
    },
  }
  return (
    <List
      title={w('renew')}
      lead={r('lead')}
      buttons={
        <Button kind="primary" onClick={() => change({ adding: true })} testid="renew-add">
          {r('add')}
        </Button>
      }
      notes={problem && <ProblemNote problem={problem} meaning={r('failedStart')} />}
      caption={r('list')}
      list={list}
      row={(x) => ({ id: x.key, testid: 'renewal-row', state: x.state })}
      empty={{ icon: 'clock', title: r('empty'), text: r('emptyText') }}
      loading={r('loading')}
      columns={columns()}
      acts={(x) => <Act row={x} failed={setProblem} />}
    >
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
    </List>
  )
}
