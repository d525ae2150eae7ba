// 证书管理: what was issued for this account or, for its admin, the organisation; staff
// looks for any.
import { useEffect, useState } from 'preact/hooks'
import { query } from '../../shared/api'
import { date, serialEnd, visible } from '../../shared/format'
import { either } from '../../shared/i18n'
import type { Organisation, Page } from '../../shared/model'
import { Button, Field, Icon } from '../../shared/ui'
import { useDraft } from '../draft'
import { Cell, Filters, List, usePages } from '../list'
import { useLoad } from '../load'
import { beginning } from '../operator/find'
import { Picker } from '../picker'
import { go } from '../router'
import { call, has } from '../state'
import { mediumShort, providerName, w } from '../words'
import { CertificateDetails } from './details'
import type { CertificateRecord } from './model'
import { RevokeDialog } from './revoke'
import { c, stateName } from './words'

export function StateBadge({ state }: { state: string }) {
  const tone = state === 'active' ? 'badge-good' : state === 'waiting' || state === 'issuing' ? 'badge-warn' : state === 'superseded' ? '' : 'badge-danger'
  return <span class={`badge ${tone}`}>{stateName(state)}</span>
}

const scopes = ['organisation', 'mine', 'all'] as const
type Scope = (typeof scopes)[number]

// What staff looks for. serial and organisation are what is asked of the server.
interface View {
  scope: Scope | ''
  text: string
  serial: string
  organisation: string
}

export function CertificatesPage() {
  const staff = has('reviewer') || has('operator')
  const open = scopes.filter((s) => (s === 'organisation' ? has('admin') : s === 'mine' ? has('admin') || has('employee') : staff))
  const [view, change] = useDraft<View>('certificates', { scope: '', text: '', serial: '', organisation: '' })
  const [details, setDetails] = useState<CertificateRecord | undefined>(undefined)
  const [revoking, setRevoking] = useState<CertificateRecord | undefined>(undefined)
  const scope = open.find((s) => s === view.scope) ?? open[0] ?? 'mine'
  const all = scope === 'all'
  const asked = all ? { serial: view.serial, organisation: view.serial ? '' : view.organisation } : {}
  const list = usePages<CertificateRecord>((cursor) => `/v1/certificates${query({ scope, ...asked, limit: 20, cursor })}`)
  const looking = all && (view.serial !== '' || view.organisation !== '')
  return (
    <List
      title={w('certificates')}
      lead={all ? c(looking ? 'leadFound' : 'leadStaff') : c('lead')}
      buttons={
        open.length > 1 && (
          <label class="filters-state">
            <span>{c('scope')}</span>
            <select class="input" value={scope} data-testid="certificates-scope" onChange={(e) => change({ scope: e.currentTarget.value as Scope })}>
              {open.map((s) => (
                <option key={s} value={s}>
                  {c(s)}
                </option>
              ))}
            </select>
          </label>
        )
      }
      filters={all && <Find view={view} change={change} />}
      caption={c('caption')}
      list={list}
      row={(x) => ({ id: x.id, testid: 'certificate-row', state: x.state })}
      empty={
        all
          ? { icon: 'search', title: c(looking ? 'noneTitle' : 'noneRevoked'), text: c(looking ? 'noneText' : 'noneRevokedText') }
          : {
              icon: 'certificate',
              title: c('emptyTitle'),
              text: c('emptyText'),
              act: (
                <Button kind="primary" onClick={() => go('apply')}>
                  {c('apply')}
                </Button>
              ),
            }
      }
      loading={c('loading')}
      failed={c('failed')}
      columns={[
        { head: c('holder'), cell: (x) => <Cell strong={holderOf(x)} sub={[x.holder_name && visible(x.organisation_name)]} /> },
        { head: c('product'), cell: (x) => <Cell sub={[`${providerName(x.provider)} · ${mediumShort(x.medium)}`]}>{either(x.product_name.zh, x.product_name.en)}</Cell> },
        { head: c('serial'), cell: (x) => <span class="mono small nowrap">{x.serial ? serialEnd(x.serial) : '—'}</span> },
        { head: c('term'), class: 'nums nowrap', cell: (x) => (x.fingerprint ? date(x.not_after) : '—') },
        { head: c('account'), cell: (x) => visible(x.account.name) },
        { head: c('state'), cell: (x) => <Cell sub={[x.state === 'revoked' && x.ended_at && <span class="nums">{date(x.ended_at)}</span>]}><StateBadge state={x.state} /></Cell> },
      ]}
      acts={(x) => (
        <>
          <Button kind="quiet" size="small" label={c('detailsOf', { holder: holderOf(x) })} onClick={() => setDetails(x)} testid="certificate-details">
            {c('details')}
          </Button>
          {x.acts.includes('revoke') && (
            <Button kind="quiet-danger" size="small" label={c('revokeOf', { holder: holderOf(x) })} onClick={() => setRevoking(x)} testid="revoke">
              {c('revoke')}
            </Button>
          )}
        </>
      )}
    >
      {details && (
        <CertificateDetails
          record={details}
          onClose={() => setDetails(undefined)}
          onRevoke={() => {
            setRevoking(details)
            setDetails(undefined)
          }}
        />
      )}
      {revoking && (
        <RevokeDialog
          id={revoking.id}
          holder={holderOf(revoking)}
          about={`${either(revoking.product_name.zh, revoking.product_name.en)} ${serialEnd(revoking.serial ?? '')}`}
          staff={all}
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

function holderOf(x: CertificateRecord): string {
  return visible(x.holder_name || x.organisation_name)
}

// A serial number stands in hex everywhere; what else is typed is an organisation, and
// so are eighteen characters that begin with a figure: a credit code.
const serialLike = /^(?![0-9].{17}$)[0-9a-f]{6,64}$/i

function Find({ view, change }: { view: View; change: (part: Partial<View>) => void }) {
  const [typed, setTyped] = useState(view.text)
  const organisations = useLoad(
    async (signal) => ({
      of: view.text,
      items: view.text ? (await call<Page<Organisation>>('GET', `/v1/organisations${query({ ...beginning(view.text), limit: 50 })}`, { signal })).items : [],
    }),
    [view.text],
  )
  const found = organisations.data?.of === view.text ? organisations.data.items : []
  const find = () => {
    const text = typed.trim()
    const serial = text.replace(/[\s:]/g, '')
    change({ text, serial: serialLike.test(serial) ? serial : '', organisation: '' })
  }
  // One organisation is what was meant; of several one is chosen.
  const only = found.length === 1 ? found[0]?.id : undefined
  useEffect(() => {
    if (only && view.serial === '' && view.organisation === '') change({ organisation: only })
  }, [only, view.serial, view.organisation])
  return (
    <Filters onFind={find}>
      <Field id="find-certificates" label={c('find')} hint={c('findHint')} type="search" value={typed} onInput={setTyped} maxLength={128} testid="certificates-find" />
      {view.serial === '' && found.length > 1 && (
        <Picker
          id="certificates-organisation"
          label={c('which')}
          value={view.organisation}
          onChange={(organisation) => change({ organisation })}
          options={[{ value: '', title: c('choose') }, ...found.map((o) => ({ value: o.id, title: `${visible(o.name)} ${o.credit_code}` }))]}
        />
      )}
      <Button submit testid="find">
        <Icon name="search" />
        {c('findDo')}
      </Button>
    </Filters>
  )
}
