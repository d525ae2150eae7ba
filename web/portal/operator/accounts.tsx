// 账号管理, for operators, and for admins the accounts of their organisation: find an
// account, lock it, unlock it, see its phones.
import { useState } from 'preact/hooks'
import { query } from '../../shared/api'
import { dictionary } from '../../shared/i18n'
import { visible } from '../../shared/format'
import type { Candidate } from '../../shared/model'
import { type Problem, asProblem } from '../../shared/problem'
import { Button, Dialog, Field, Icon, Note, ProblemNote, announce } from '../../shared/ui'
import { useDraft } from '../draft'
import { Cell, Filters, List, usePages } from '../list'
import { Phones } from '../phones/page'
import { href } from '../router'
import { call, has, useApp } from '../state'
import { roleName, w } from '../words'

const say = dictionary(
  {
    leadOwn: '本机构的账号。锁定后，该账号立即退出登录，也不能确认任何操作；已有绑定保留，解锁后恢复。',
    emptyOwn: '请核对姓名。',
    lead: '锁定后，该账号立即退出登录，也不能确认任何操作；已有绑定保留，解锁后恢复。',
    name: '姓名（从第一个字开始）',
    organisation: '机构编号',
    organisationHint: '留空为本机构；可从机构管理的“查看账号”带入。',
    search: '查找',
    caption: '账号',
    account: '账号',
    roles: '角色',
    mobile: '手机号',
    bindings: '绑定',
    state: '状态',
    active: '正常',
    locked: '已锁定',
    closed: '已注销',
    lock: '锁定账号',
    unlock: '解除锁定',
    lockOf: '锁定账号 {login}',
    unlockOf: '解除账号 {login} 的锁定',
    lockText: '锁定后，“{name}”（{login}）会立即退出登录，不能登录、绑定或确认任何操作，直到解除锁定。',
    unlockText: '解除后，“{name}”（{login}）可以重新登录和办理业务。',
    reason: '原因（选填，记入审计记录）',
    locked2: '已锁定账号 {login}。',
    unlocked: '已解除账号 {login} 的锁定。',
    unchanged: '账号状态没有改变。',
    empty: '没有找到账号',
    emptyText: '请核对姓名和机构编号。',
    failed: '账号列表没有加载出来。',
    loading: '正在加载账号…',
    self: '不能锁定自己',
    phones: '手机',
    phonesOf: '账号 {login} 的手机',
  },
  {
    leadOwn: 'The accounts of your organisation. A locked one is signed out at once and can confirm nothing; its bindings stay and work again when it is unlocked.',
    emptyOwn: 'Check the name.',
    lead: 'A locked account is signed out at once and can confirm nothing; its bindings stay and work again when it is unlocked.',
    name: 'Name, from its first character',
    organisation: 'Organisation id',
    organisationHint: 'Empty: your own. Filled in by Accounts on the Organisations page.',
    search: 'Find',
    caption: 'Accounts',
    account: 'Account',
    roles: 'Roles',
    mobile: 'Mobile',
    bindings: 'Bound',
    state: 'State',
    active: 'Active',
    locked: 'Locked',
    closed: 'Closed',
    lock: 'Lock',
    unlock: 'Unlock',
    lockOf: 'Lock the account {login}',
    unlockOf: 'Unlock the account {login}',
    lockText: '“{name}” ({login}) is signed out at once and can neither sign in, bind nor confirm anything until unlocked.',
    unlockText: '“{name}” ({login}) can sign in and act again.',
    reason: 'Reason (optional, goes into the audit log)',
    locked2: 'The account {login} is locked.',
    unlocked: 'The account {login} is unlocked.',
    unchanged: 'The account is as it was.',
    empty: 'No account found',
    emptyText: 'Check the name and the organisation id.',
    failed: 'The accounts could not be loaded.',
    loading: 'Loading the accounts…',
    self: 'Your own: cannot be locked',
    phones: 'Phones',
    phonesOf: 'The phones of {login}',
  },
)

export function AccountsPage({ item }: { item: string }) {
  return item ? <Phones id={item} /> : <Accounts />
}

function Accounts() {
  const { session } = useApp()
  const everywhere = has('operator')
  const [asked, ask] = useDraft('operator-accounts', { name: '', organisation: '' })
  const [typed, setTyped] = useState(asked)
  const [turning, setTurning] = useState<Candidate | undefined>(undefined)
  const list = usePages<Candidate>((cursor) => `/v1/accounts${query({ name: asked.name, organisation: everywhere ? asked.organisation : '', limit: 50, cursor })}`)
  return (
    <List
      title={w('accounts')}
      lead={say(everywhere ? 'lead' : 'leadOwn')}
      filters={
        <Filters onFind={() => ask({ name: typed.name.trim(), organisation: typed.organisation.trim() })}>
          <Field id="find-name" label={say('name')} value={typed.name} onInput={(name) => setTyped({ ...typed, name })} maxLength={64} testid="account-name" />
          {everywhere && <Field id="find-organisation" label={say('organisation')} hint={say('organisationHint')} value={typed.organisation} onInput={(organisation) => setTyped({ ...typed, organisation })} maxLength={64} testid="account-organisation" />}
          <Button submit testid="find">
            <Icon name="search" />
            {say('search')}
          </Button>
        </Filters>
      }
      caption={say('caption')}
      list={list}
      row={(a) => ({ id: a.id, testid: 'account-row', state: a.state })}
      empty={{ icon: 'search', title: say('empty'), text: say(everywhere ? 'emptyText' : 'emptyOwn') }}
      loading={say('loading')}
      failed={say('failed')}
      columns={[
        { head: say('account'), cell: (a) => <Cell strong={visible(a.name)} sub={[a.login]} /> },
        { head: say('roles'), cell: (a) => a.roles.map(roleName).join(w('listSeparator')) },
        { head: say('mobile'), class: 'nums', cell: (a) => a.mobile_masked || '—' },
        { head: say('bindings'), class: 'nums', cell: (a) => a.bindings ?? '—' },
        {
          head: say('state'),
          cell: (a) => (
            <span class={a.state === 'locked' ? 'badge badge-danger' : a.state === 'active' ? 'badge badge-good' : 'badge'}>
              {a.state === 'locked' ? say('locked') : a.state === 'closed' ? say('closed') : say('active')}
            </span>
          ),
        },
      ]}
      acts={(a) => (
        <>
          <a class="button button-quiet button-small" href={href('accounts', a.id)} aria-label={say('phonesOf', { login: a.login })} data-testid="account-phones">
            {say('phones')}
          </a>
          {a.id === session?.account.id ? (
            <span class="small muted">{say('self')}</span>
          ) : (
            a.state !== 'closed' && (
              <Button
                kind={a.state === 'locked' ? 'quiet' : 'quiet-danger'}
                size="small"
                label={say(a.state === 'locked' ? 'unlockOf' : 'lockOf', { login: a.login })}
                onClick={() => setTurning(a)}
                testid={a.state === 'locked' ? 'unlock' : 'lock'}
              >
                {say(a.state === 'locked' ? 'unlock' : 'lock')}
              </Button>
            )
          )}
        </>
      )}
    >
      {turning && (
        <TurnDialog
          account={turning}
          onClose={() => setTurning(undefined)}
          onDone={() => {
            setTurning(undefined)
            list.reload()
          }}
        />
      )}
    </List>
  )
}

function TurnDialog({ account: a, onClose, onDone }: { account: Candidate; onClose: () => void; onDone: () => void }) {
  const locked = a.state === 'locked'
  const [reason, setReason] = useState('')
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const turn = async (e: Event) => {
    e.preventDefault()
    if (busy) return
    setBusy(true)
    setProblem(undefined)
    try {
      const text = reason.trim()
      await call('POST', `/v1/accounts/${encodeURIComponent(a.id)}/${locked ? 'unlock' : 'lock'}`, { body: text ? { reason: text } : {} })
      announce(say(locked ? 'unlocked' : 'locked2', { login: a.login }))
      onDone()
    } catch (e) {
      setProblem(asProblem(e))
      setBusy(false)
    }
  }
  const names = { name: visible(a.name), login: a.login }
  return (
    <Dialog title={say(locked ? 'unlock' : 'lock')} narrow onClose={onClose} testid="turn-dialog">
      <form class="stack" onSubmit={(e) => void turn(e)}>
        <Note tone={locked ? 'plain' : 'warn'}>{say(locked ? 'unlockText' : 'lockText', names)}</Note>
        {problem && <ProblemNote problem={problem} meaning={say('unchanged')} />}
        <Field id="turn-reason" label={say('reason')} value={reason} onInput={setReason} maxLength={200} testid="turn-reason" />
        <div class="dialog-foot">
          <Button onClick={onClose}>{w('cancel')}</Button>
          <Button submit kind={locked ? 'primary' : 'danger'} busy={busy} testid="turn-confirm">
            {say(locked ? 'unlock' : 'lock')}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
