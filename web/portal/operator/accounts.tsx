// 账号管理, for operators: find an account, lock it, unlock it.
import { useState } from 'preact/hooks'
import { query } from '../../shared/api'
import { dictionary } from '../../shared/i18n'
import { visible } from '../../shared/format'
import type { Candidate, Page } from '../../shared/model'
import { type Problem, asProblem } from '../../shared/problem'
import { Blank, Button, Dialog, Field, Icon, Note, ProblemCode, ProblemNote, Waiting, announce } from '../../shared/ui'
import { useDraft } from '../draft'
import { useLoad } from '../load'
import { call, useApp } from '../state'
import { roleName, w } from '../words'

const say = dictionary(
  {
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
    acts: '操作',
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
    more: '显示更多',
    self: '不能锁定自己',
  },
  {
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
    acts: 'Actions',
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
    more: 'Show more',
    self: 'Not your own',
  },
)

export function AccountsPage() {
  const { session } = useApp()
  const [asked, ask] = useDraft('operator-accounts', { name: '', organisation: '' })
  const [typed, setTyped] = useState(asked)
  const [pages, setPages] = useState(1)
  const [turning, setTurning] = useState<Candidate | undefined>(undefined)
  // All pages so far are read anew, so that a change shows in any of them.
  const list = useLoad(
    async (signal) => {
      const items: Candidate[] = []
      let cursor = ''
      for (let i = 0; i < pages; i++) {
        const page = await call<Page<Candidate>>('GET', `/v1/accounts${query({ ...asked, limit: 50, cursor })}`, { signal })
        items.push(...page.items)
        cursor = page.next ?? ''
        if (!cursor) break
      }
      return { items, next: cursor }
    },
    [asked.name, asked.organisation, pages],
  )

  return (
    <div class="stack page-body">
      <h1>{w('accounts')}</h1>
      <p class="lead">{say('lead')}</p>
      <form
        class="filters filters-fields"
        role="search"
        onSubmit={(e) => {
          e.preventDefault()
          setPages(1)
          ask({ name: typed.name.trim(), organisation: typed.organisation.trim() })
        }}
      >
        <Field id="find-name" label={say('name')} value={typed.name} onInput={(name) => setTyped({ ...typed, name })} maxLength={64} testid="account-name" />
        <Field id="find-organisation" label={say('organisation')} hint={say('organisationHint')} value={typed.organisation} onInput={(organisation) => setTyped({ ...typed, organisation })} maxLength={64} testid="account-organisation" />
        <Button submit testid="find">
          <Icon name="search" />
          {say('search')}
        </Button>
      </form>
      <section class="card" aria-label={say('caption')}>
        {list.data ? (
          list.data.items.length > 0 ? (
            <div class="table-box" aria-busy={list.loading ? 'true' : undefined}>
              <table class="table" role="table" aria-label={say('caption')}>
                <thead role="rowgroup">
                  <tr role="row">
                    {(['account', 'roles', 'mobile', 'bindings', 'state', 'acts'] as const).map((c) => (
                      <th key={c} role="columnheader" scope="col">
                        {say(c)}
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody role="rowgroup">
                  {list.data.items.map((a) => (
                    <tr key={a.id} role="row" data-testid="account-row" data-id={a.id} data-state={a.state}>
                      <td role="cell" data-label={say('account')}>
                        <span class="cell-stack">
                          <strong>{visible(a.name)}</strong>
                          <span class="cell-sub">{a.login}</span>
                        </span>
                      </td>
                      <td role="cell" data-label={say('roles')}>
                        {a.roles.map(roleName).join(w('listSeparator'))}
                      </td>
                      <td role="cell" data-label={say('mobile')} class="nums">
                        {a.mobile_masked || '—'}
                      </td>
                      <td role="cell" data-label={say('bindings')} class="nums">
                        {a.bindings ?? '—'}
                      </td>
                      <td role="cell" data-label={say('state')}>
                        <span class={a.state === 'locked' ? 'badge badge-danger' : a.state === 'active' ? 'badge badge-good' : 'badge'}>
                          {a.state === 'locked' ? say('locked') : a.state === 'closed' ? say('closed') : say('active')}
                        </span>
                      </td>
                      <td role="cell" class="col-acts">
                        {a.id === session?.account.id ? (
                          <span class="small muted">{say('self')}</span>
                        ) : a.state === 'closed' ? null : (
                          <span class="acts">
                            <Button
                              kind={a.state === 'locked' ? 'quiet' : 'quiet-danger'}
                              size="small"
                              label={say(a.state === 'locked' ? 'unlockOf' : 'lockOf', { login: a.login })}
                              onClick={() => setTurning(a)}
                              testid={a.state === 'locked' ? 'unlock' : 'lock'}
                            >
                              {say(a.state === 'locked' ? 'unlock' : 'lock')}
                            </Button>
                          </span>
                        )}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
              {list.data.next && (
                <nav class="pager">
                  <Button size="small" busy={list.loading} onClick={() => setPages(pages + 1)} testid="more">
                    {say('more')}
                  </Button>
                </nav>
              )}
            </div>
          ) : (
            <Blank icon="search" title={say('empty')} testid="none">
              <p>{say('emptyText')}</p>
            </Blank>
          )
        ) : list.problem ? (
          <Blank icon={list.problem.status === 403 ? 'lock' : 'warn'} title={list.problem.title} testid={list.problem.status === 403 ? 'no-permission' : 'failed'}>
            <p>{say('failed')}</p>
            <Button onClick={list.reload} testid="retry">
              {w('reload')}
            </Button>
            <ProblemCode problem={list.problem} />
          </Blank>
        ) : (
          <Waiting text={say('loading')} testid="loading" />
        )}
      </section>
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
    </div>
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
