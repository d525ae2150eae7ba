// 审计记录, for operators: what was done, newest first, by ids as the log keeps
// them; it holds no personal data.
import { query } from '../../shared/api'
import { dictionary } from '../../shared/i18n'
import { dateTime, visible } from '../../shared/format'
import type { AuditEntry } from '../../shared/model'
import { Button } from '../../shared/ui'
import { writeDraft } from '../draft'
import { List, usePages } from '../list'
import { href } from '../router'
import { act } from './acts'
import { w } from '../words'

const say = dictionary(
  {
    lead: '最新的在前。记录只含编号，不含个人信息。',
    caption: '审计记录',
    at: '时间',
    act: '事项',
    organisation: '机构编号',
    account: '账号编号',
    data: '内容',
    empty: '还没有记录',
    emptyText: '登录锁定、绑定、解绑、账号变更等都会记录在这里。',
    failed: '审计记录没有加载出来。',
    loading: '正在加载审计记录…',
    accountsOf: '查看机构 {id} 的账号',
  },
  {
    lead: 'Newest first. The log holds ids and no personal data.',
    caption: 'Audit log',
    at: 'Time',
    act: 'Act',
    organisation: 'Organisation id',
    account: 'Account id',
    data: 'Data',
    empty: 'No entries yet',
    emptyText: 'Locks, bindings, unbindings, changes of accounts and more will be listed here.',
    failed: 'The audit log could not be loaded.',
    loading: 'Loading the audit log…',
    accountsOf: 'Accounts of the organisation {id}',
  },
)

export function AuditPage() {
  const list = usePages<AuditEntry>((cursor) => `/v1/audit${query({ limit: 50, cursor })}`)
  return (
    <List
      title={w('audit')}
      lead={say('lead')}
      buttons={
        <Button onClick={list.reload} busy={list.loading && list.items !== undefined}>
          {w('refresh')}
        </Button>
      }
      caption={say('caption')}
      list={list}
      row={(e) => ({ id: e.id, testid: 'audit-row' })}
      ids
      empty={{ icon: 'history', title: say('empty'), text: say('emptyText') }}
      loading={say('loading')}
      failed={say('failed')}
      columns={[
        { head: say('at'), class: 'nums nowrap', cell: (e) => dateTime(e.at) },
        {
          head: say('act'),
          class: 'col-words',
          cell: (e) => (
            <span>
              {act.has(e.act) ? act(e.act) : e.act}
              {act.has(e.act) && <span class="cell-sub mono">{e.act}</span>}
            </span>
          ),
        },
        {
          head: say('organisation'),
          class: 'mono small',
          cell: (e) =>
            e.organisation ? (
              <a href={href('accounts')} onClick={() => writeDraft('operator-accounts', { name: '', organisation: e.organisation })} aria-label={say('accountsOf', { id: e.organisation })}>
                {e.organisation}
              </a>
            ) : (
              '—'
            ),
        },
        { head: say('account'), class: 'mono small', cell: (e) => e.account ?? '—' },
        {
          head: say('data'),
          class: 'mono small',
          cell: (e) =>
            Object.entries(e.data)
              .filter(([k]) => !['act', 'organisation', 'account'].includes(k))
              .map(([k, v]) => `${k}=${visible(v)}`)
              .join(' ') || '—',
        },
      ]}
    />
  )
}
