// CA绑定与解绑: one table, and the three buttons above it.
import { useEffect, useState } from 'preact/hooks'
import { query } from '../../shared/api'
import { visible } from '../../shared/format'
import type { Binding } from '../../shared/model'
import { Button, Field, Icon, Note, announce } from '../../shared/ui'
import { useDraft } from '../draft'
import { Filters, List, usePages } from '../list'
import { Picker } from '../picker'
import { go } from '../router'
import { has } from '../state'
import { w } from '../words'
import { BindDialog } from './bind'
import { DetailsDialog } from './details'
import { RevokeDialog } from '../certificates/revoke'
import { columns, holderOf } from './table'
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
  const [bound, setBound] = useState<string | undefined>(undefined)
  const [unbinding, setUnbinding] = useState<Binding | undefined>(undefined)
  const [unbound, setUnbound] = useState<Binding | undefined>(undefined)
  const [details, setDetails] = useState<Binding | undefined>(undefined)
  const [revoking, setRevoking] = useState<Binding | undefined>(undefined)
  const [many, setMany] = useState(false)

  const list = usePages<Binding>((cursor) => `/v1/bindings${query({ scope: admin ? 'organisation' : 'mine', state: view.state, q: view.q, limit: perPage, cursor })}`)
  const items = list.items
  const fresh = items?.find((x) => x.id === bound && x.state === 'active')?.id
  const narrowed = view.q !== '' || view.state !== 'active'

  useEffect(() => {
    if (!items) return
    if (items.length > searchFrom || list.more) setMany(true)
    if (view.q) announce(b('found', { n: items.length }))
  }, [list.first, items?.length])

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

  const none = {
    icon: 'search',
    title: b('noneTitle'),
    text: b(list.more ? 'noneYet' : 'noneText'),
    testid: 'none',
    act: (
      <Button
        onClick={() => {
          setTyped('')
          change({ q: '', state: 'active' })
        }}
        testid="clear"
      >
        {b('clear')}
      </Button>
    ),
  } as const
  const nothing = {
    icon: 'link',
    title: b('emptyTitle'),
    text: b('emptyText'),
    act: buttons,
  } as const

  return (
    <List
      title={w('bindings')}
      buttons={buttons}
      filters={
        (many || view.q !== '') && (
          <Filters onFind={() => change({ q: typed.trim() })}>
            <Field
              id="find-bindings"
              label={b('search')}
              type="search"
              value={typed}
              maxLength={64}
              testid="search"
              onInput={(text) => {
                setTyped(text)
                if (text === '' && view.q) change({ q: '' })
              }}
            />
            <Picker
              id="bindings-state"
              label={b('filterState')}
              value={view.state}
              onChange={(state) => change({ state: state as View['state'] })}
              options={[
                { value: 'active', title: b('onlyActive') },
                { value: 'all', title: b('all') },
              ]}
            />
            <Button submit testid="search-go">
              <Icon name="search" />
              {b('searchDo')}
            </Button>
          </Filters>
        )
      }
      notes={
        unbound && (
          <Note tone="good" testid="unbound">
            <p>{b('unbindDone', { holder: holderOf(unbound), account: visible(unbound.account.name) })}</p>
          </Note>
        )
      }
      caption={b('caption')}
      list={list}
      row={(x) => ({ id: x.id, testid: 'binding-row', state: x.state, class: x.id === fresh ? 'row-fresh' : undefined })}
      empty={view.q !== '' ? none : nothing}
      loading={b('loading')}
      failed={b('loadFailed')}
      columns={columns(fresh)}
      acts={(x) => (
        <>
          <Button kind="quiet" size="small" label={b('detailsOf', { holder: holderOf(x) })} onClick={() => setDetails(x)} testid="details">
            {b('details')}
          </Button>
          {x.acts.includes('unbind') && (
            <Button kind="quiet-danger" size="small" label={b('unbindOf', { holder: holderOf(x), account: x.account.name })} onClick={() => setUnbinding(x)} testid="unbind">
              {b('unbind')}
            </Button>
          )}
        </>
      )}
    >
      {items && !many && !view.q && (
        <div>
          <Button kind="quiet" size="small" onClick={() => change({ state: view.state === 'all' ? 'active' : 'all' })} testid="toggle-unbound">
            {view.state === 'all' ? b('hideUnbound') : b('showUnbound')}
          </Button>
        </div>
      )}
      {narrowed && list.loading && (
        <span class="visually-hidden" role="status">
          {b('loading')}
        </span>
      )}
      {view.dialog !== '' && (view.dialog === 'self' || admin) && (
        <BindDialog
          key={view.dialog}
          kind={view.dialog}
          onClose={() => change({ dialog: '' })}
          onBound={(id) => {
            setUnbound(undefined)
            change({ dialog: '', q: '' })
            setTyped('')
            setBound(id)
            list.reload()
          }}
        />
      )}
      {unbinding && (
        <UnbindDialog
          binding={unbinding}
          onClose={() => setUnbinding(undefined)}
          onDone={() => {
            setUnbound(unbinding)
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
    </List>
  )
}
