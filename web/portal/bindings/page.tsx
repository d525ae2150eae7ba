// CA绑定与解绑: one table, and the three buttons above it.
import { useEffect, useState } from 'preact/hooks'
import { query } from '../../shared/api'
import type { Binding, Page } from '../../shared/model'
import { Blank, Button, Icon, ProblemCode, ProblemNote, Waiting, announce } from '../../shared/ui'
import { useDraft } from '../draft'
import { useLoad } from '../load'
import { go } from '../router'
import { call, has } from '../state'
import { w } from '../words'
import { BindDialog } from './bind'
import { DetailsDialog } from './details'
import { RevokeDialog } from '../certificates/revoke'
import { BindingTable, holderOf } from './table'
import { UnbindDialog } from './unbind'
import { b } from './words'

const perPage = 20
// Searching ten rows is done faster by eye.
const searchFrom = 10

interface View {
  q: string
  state: 'active' | 'all'
  dialog: '' | 'self' | 'other'
}

export function BindingsPage() {
  const admin = has('admin')
  const [view, change] = useDraft<View>('bindings', { q: '', state: 'active', dialog: '' })
  const [typed, setTyped] = useState(view.q)
  const [cursors, setCursors] = useState<string[]>([''])
  const [fresh, setFresh] = useState<string | undefined>(undefined)
  const [unbinding, setUnbinding] = useState<Binding | undefined>(undefined)
  const [details, setDetails] = useState<Binding | undefined>(undefined)
  const [revoking, setRevoking] = useState<Binding | undefined>(undefined)
  const [many, setMany] = useState(false)
  const cursor = cursors[cursors.length - 1] ?? ''

  const list = useLoad(
    (signal) => call<Page<Binding>>('GET', `/v1/bindings${query({ scope: admin ? 'organisation' : 'mine', state: view.state, q: view.q, limit: perPage, cursor })}`, { signal }),
    [admin, view.state, view.q, cursor],
  )
  const items = list.data?.items

  useEffect(() => {
    if (!items) return
    if (items.length > searchFrom || list.data?.next) setMany(true)
    if (view.q || cursors.length > 1) announce(b('found', { n: items.length }))
  }, [items])

  const filter = (part: Partial<View>) => {
    setCursors([''])
    change(part)
  }
  const narrowed = view.q !== '' || view.state !== 'active'

  const buttons = (
    <div class="row page-acts">
      <Button kind="primary" testid="bind-self" onClick={() => change({ dialog: 'self' })}>
        {b('bindSelf')}
      </Button>
      {admin && (
        <Button testid="bind-other" onClick={() => change({ dialog: 'other' })}>
          {b('bindOther')}
        </Button>
      )}
      <Button testid="apply" onClick={() => go('apply')}>
        {b('apply')}
      </Button>
    </div>
  )

  return (
    <div class="stack page-body">
      <div class="row-between">
        <h1>{w('bindings')}</h1>
        {buttons}
      </div>
      {(many || view.q !== '') && (
        <form
          class="filters"
          role="search"
          aria-label={b('filters')}
          onSubmit={(e) => {
            e.preventDefault()
            filter({ q: typed.trim() })
          }}
        >
          <input
            class="input filters-text"
            type="search"
            aria-label={b('search')}
            placeholder={b('search')}
            value={typed}
            maxLength={64}
            data-testid="search"
            onInput={(e) => {
              setTyped(e.currentTarget.value)
              if (e.currentTarget.value === '' && view.q) filter({ q: '' })
            }}
          />
          <Button submit testid="search-go">
            <Icon name="search" />
            {b('searchDo')}
          </Button>
          <label class="filters-state">
            <span>{b('filterState')}</span>
            <select class="input" value={view.state} onChange={(e) => filter({ state: e.currentTarget.value as View['state'] })} data-testid="filter-state">
              <option value="active">{b('onlyActive')}</option>
              <option value="all">{b('all')}</option>
            </select>
          </label>
        </form>
      )}
      {list.problem && items && (
        <ProblemNote problem={list.problem} meaning={b('stale')} onRetry={list.reload} retryText={w('reload')} />
      )}
      <section class="card" aria-label={b('caption')}>
        {!items ? (
          list.problem ? (
            <Failed list={list} />
          ) : (
            <Waiting text={b('loading')} testid="loading" />
          )
        ) : items.length > 0 ? (
          <>
            <BindingTable items={items} fresh={fresh} busy={list.loading} onUnbind={setUnbinding} onDetails={setDetails} />
            {(cursors.length > 1 || list.data?.next) && (
              <nav class="pager" aria-label={b('pages')}>
                <Button size="small" off={cursors.length === 1} onClick={() => setCursors(cursors.slice(0, -1))} testid="previous">
                  {b('previous')}
                </Button>
                <span class="nums">{b('page', { n: cursors.length })}</span>
                <Button size="small" off={!list.data?.next} onClick={() => setCursors([...cursors, list.data?.next ?? ''])} testid="next-page">
                  {b('nextPage')}
                </Button>
              </nav>
            )}
          </>
        ) : view.q !== '' || cursors.length > 1 ? (
          <Blank icon="search" title={b('noneTitle')} testid="none">
            <p>{list.data?.next ? b('noneYet') : b('noneText')}</p>
            <div class="row">
              {list.data?.next && (
                <Button kind="primary" onClick={() => setCursors([...cursors, list.data?.next ?? ''])} testid="next-page">
                  {b('further')}
                </Button>
              )}
              <Button
                onClick={() => {
                  setTyped('')
                  filter({ q: '', state: 'active' })
                }}
                testid="clear"
              >
                {b('clear')}
              </Button>
            </div>
          </Blank>
        ) : (
          <Blank icon="link" title={b('emptyTitle')} testid="empty">
            <p>{b('emptyText')}</p>
            <div class="row">
              <Button kind="primary" onClick={() => change({ dialog: 'self' })} testid="empty-bind">
                {b('bindSelf')}
              </Button>
            </div>
          </Blank>
        )}
      </section>
      {items && !many && !view.q && (
        <div>
          <Button kind="quiet" size="small" onClick={() => filter({ state: view.state === 'all' ? 'active' : 'all' })} testid="toggle-unbound">
            {view.state === 'all' ? b('hideUnbound') : b('showUnbound')}
          </Button>
        </div>
      )}
      {narrowed && list.loading && <span class="visually-hidden" role="status">{b('loading')}</span>}
      {view.dialog !== '' && (view.dialog === 'self' || admin) && (
        <BindDialog
          key={view.dialog}
          kind={view.dialog}
          onClose={() => change({ dialog: '' })}
          onBound={(id) => {
            change({ dialog: '', q: '' })
            setTyped('')
            setFresh(id)
            setCursors([''])
            list.reload()
          }}
        />
      )}
      {unbinding && (
        <UnbindDialog
          binding={unbinding}
          onClose={() => setUnbinding(undefined)}
          onDone={() => {
            setUnbinding(undefined)
            list.reload()
          }}
        />
      )}
      {details && (
        <DetailsDialog
          binding={details}
          onClose={() => setDetails(undefined)}
          onRevoke={() => {
            setRevoking(details)
            setDetails(undefined)
          }}
        />
      )}
      {revoking?.certificate.id && (
        <RevokeDialog
          id={revoking.certificate.id}
          holder={holderOf(revoking)}
          bound
          onClose={() => setRevoking(undefined)}
          onDone={() => {
            setRevoking(undefined)
            list.reload()
          }}
        />
      )}
    </div>
  )
}

function Failed({ list }: { list: { problem: import('../../shared/problem').Problem | undefined; reload: () => void } }) {
  const p = list.problem
  if (!p) return null
  const icon = p.code === 'offline' ? 'offline' : p.status === 403 ? 'lock' : 'warn'
  return (
    <Blank icon={icon} title={p.title} testid={p.code === 'offline' ? 'offline' : p.status === 403 ? 'no-permission' : 'failed'}>
      <p>{b('loadFailed')}</p>
      <Button kind="primary" onClick={list.reload} testid="retry">
        {w('reload')}
      </Button>
      <ProblemCode problem={p} />
    </Blank>
  )
}

export { Failed }
