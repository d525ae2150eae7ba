// 审计记录, for operators: what was done, newest first, by ids as the log keeps
// them; it holds no personal data.
import { useState } from 'preact/hooks'
import { query } from '../../shared/api'
import { dictionary } from '../../shared/i18n'
import { dateTime, visible } from '../../shared/format'
import type { AuditEntry, Page } from '../../shared/model'
import { Blank, Button, ProblemCode, Waiting } from '../../shared/ui'
import { writeDraft } from '../draft'
import { useLoad } from '../load'
import { href } from '../router'
import { act } from './acts'
import { call } from '../state'
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
    older: '更早的记录',
    newest: '回到最新',
    reload: '刷新',
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
    older: 'Older entries',
    newest: 'Back to the newest',
    reload: 'Reload',
    accountsOf: 'Accounts of the organisation {id}',
  },
)

export function AuditPage() {
  const [cursor, setCursor] = useState('')
  const list = useLoad((signal) => call<Page<AuditEntry>>('GET', `/v1/audit${query({ limit: 50, cursor })}`, { signal }), [cursor])
  return (
    <div class="stack page-body">
      <div class="row-between">
        <h1>{w('audit')}</h1>
        <Button onClick={list.reload} busy={list.loading && list.data !== undefined}>
          {say('reload')}
        </Button>
      </div>
      <p class="lead">{say('lead')}</p>
      <section class="card" aria-label={say('caption')}>
        {list.data ? (
          list.data.items.length > 0 ? (
            <div class="table-box">
              <table class="table table-break" role="table" aria-label={say('caption')}>
                <thead role="rowgroup">
                  <tr role="row">
                    {(['at', 'act', 'organisation', 'account', 'data'] as const).map((c) => (
                      <th key={c} role="columnheader" scope="col">
                        {say(c)}
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody role="rowgroup">
                  {list.data.items.map((e) => (
                    <tr key={e.id} role="row" data-testid="audit-row">
                      <td role="cell" data-label={say('at')} class="nums nowrap">
                        {dateTime(e.at)}
                      </td>
                      <td role="cell" data-label={say('act')}>
                        <span>
                          {act.has(e.act) ? act(e.act) : e.act}
                          {act.has(e.act) && <span class="cell-sub mono">{e.act}</span>}
                        </span>
                      </td>
                      <td role="cell" data-label={say('organisation')} class="mono small">
                        {e.organisation ? (
                          <a
                            href={href('accounts')}
                            onClick={() => writeDraft('operator-accounts', { name: '', organisation: e.organisation })}
                            aria-label={say('accountsOf', { id: e.organisation })}
                          >
                            {e.organisation}
                          </a>
                        ) : (
                          '—'
                        )}
                      </td>
                      <td role="cell" data-label={say('account')} class="mono small">
                        {e.account ?? '—'}
                      </td>
                      <td role="cell" data-label={say('data')} class="mono small">
                        {Object.entries(e.data)
                          .filter(([k]) => !['act', 'organisation', 'account'].includes(k))
                          .map(([k, v]) => `${k}=${visible(v)}`)
                          .join(' ') || '—'}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          ) : (
            <Blank icon="history" title={say('empty')} testid="empty">
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
      {(cursor || list.data?.next) && (
        <nav class="pager" aria-label={say('caption')}>
          <Button size="small" off={!cursor} onClick={() => setCursor('')}>
            {say('newest')}
          </Button>
          <Button size="small" off={!list.data?.next} onClick={() => setCursor(list.data?.next ?? '')}>
            {say('older')}
          </Button>
        </nav>
      )}
    </div>
  )
}
