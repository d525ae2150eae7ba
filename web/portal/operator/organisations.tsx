// 机构管理, for operators: find an organisation, and go on to its accounts.
import { useState } from 'preact/hooks'
import { query } from '../../shared/api'
import { dictionary } from '../../shared/i18n'
import { visible } from '../../shared/format'
import type { Organisation, Page } from '../../shared/model'
import { Blank, Button, Field, Icon, ProblemCode, Waiting } from '../../shared/ui'
import { useDraft, writeDraft } from '../draft'
import { useLoad } from '../load'
import { href } from '../router'
import { call } from '../state'
import { w } from '../words'
import { beginning } from './find'

const say = dictionary(
  {
    lead: '本系统中的全部机构。机构由集成方接口、CSV 导入或首次登录带入。',
    find: '机构名称或统一社会信用代码',
    findHint: '从第一个字或第一位开始输入。',
    search: '查找',
    caption: '机构',
    name: '机构名称',
    code: '统一社会信用代码',
    id: '机构编号',
    acts: '操作',
    doubtful: '校验位不符，请核对',
    accounts: '查看账号',
    accountsOf: '查看账号：{name}',
    empty: '没有找到机构',
    emptyText: '请核对名称或信用代码的开头部分。',
    failed: '机构列表没有加载出来。',
    loading: '正在加载机构…',
    more: '显示更多',
  },
  {
    lead: 'All organisations of this installation. They come by the integrator’s API, by CSV, or at somebody’s first sign-in.',
    find: 'Name or credit code',
    findHint: 'From its first character.',
    search: 'Find',
    caption: 'Organisations',
    name: 'Name',
    code: 'Credit code',
    id: 'Organisation id',
    acts: 'Actions',
    doubtful: 'The check character is wrong; look at it',
    accounts: 'Accounts',
    accountsOf: 'Accounts of {name}',
    empty: 'No organisation found',
    emptyText: 'Check the beginning of the name or of the code.',
    failed: 'The organisations could not be loaded.',
    loading: 'Loading the organisations…',
    more: 'Show more',
  },
)

export function OrganisationsPage() {
  const [asked, ask] = useDraft('operator-organisations', { text: '' })
  const [typed, setTyped] = useState(asked.text)
  const [pages, setPages] = useState(1)
  const list = useLoad(
    async (signal) => {
      const items: Organisation[] = []
      let cursor = ''
      for (let i = 0; i < pages; i++) {
        const page = await call<Page<Organisation>>('GET', `/v1/organisations${query({ ...beginning(asked.text), limit: 50, cursor })}`, { signal })
        items.push(...page.items)
        cursor = page.next ?? ''
        if (!cursor) break
      }
      return { items, next: cursor }
    },
    [asked.text, pages],
  )

  return (
    <div class="stack page-body">
      <h1>{w('organisations')}</h1>
      <p class="lead">{say('lead')}</p>
      <form
        class="filters filters-fields"
        role="search"
        onSubmit={(e) => {
          e.preventDefault()
          setPages(1)
          ask({ text: typed.trim() })
        }}
      >
        <Field id="find-text" label={say('find')} hint={say('findHint')} value={typed} onInput={setTyped} maxLength={128} testid="organisation-find" />
        <Button submit testid="find">
          <Icon name="search" />
          {say('search')}
        </Button>
      </form>
      <section class="card" aria-label={say('caption')}>
        {list.data ? (
          list.data.items.length > 0 ? (
            <Table items={list.data.items} more={list.data.next ? () => setPages(pages + 1) : undefined} busy={list.loading} />
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
    </div>
  )
}

function Table({ items, more, busy }: { items: Organisation[]; more?: (() => void) | undefined; busy: boolean }) {
  return (
    <div class="table-box" aria-busy={busy ? 'true' : undefined}>
      <table class="table" role="table" aria-label={say('caption')}>
        <thead role="rowgroup">
          <tr role="row">
            {(['name', 'code', 'id', 'acts'] as const).map((c) => (
              <th key={c} role="columnheader" scope="col">
                {say(c)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {items.map((o) => (
            <tr key={o.id} role="row" data-testid="organisation-row" data-id={o.id}>
              <td role="cell" data-label={say('name')}>
                <strong>{visible(o.name)}</strong>
              </td>
              <td role="cell" data-label={say('code')}>
                <span class="cell-stack">
                  <span class="mono">{o.credit_code}</span>
                  {o.credit_code_doubtful && <span class="cell-sub">{say('doubtful')}</span>}
                </span>
              </td>
              <td role="cell" data-label={say('id')} class="mono small">
                {o.id}
              </td>
              <td role="cell" class="col-acts">
                <a
                  href={href('accounts')}
                  onClick={() => writeDraft('operator-accounts', { name: '', organisation: o.id })}
                  aria-label={say('accountsOf', { name: visible(o.name) })}
                  data-testid="organisation-accounts"
                >
                  {say('accounts')}
                </a>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {more && (
        <nav class="pager">
          <Button size="small" busy={busy} onClick={more} testid="more">
            {say('more')}
          </Button>
        </nav>
      )}
    </div>
  )
}
