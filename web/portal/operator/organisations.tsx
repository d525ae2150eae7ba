// 机构管理, for operators: find an organisation, and go on to its accounts.
import { useState } from 'preact/hooks'
import { query } from '../../shared/api'
import { dictionary } from '../../shared/i18n'
import { visible } from '../../shared/format'
import type { Organisation } from '../../shared/model'
import { Button, Field, Icon } from '../../shared/ui'
import { useDraft, writeDraft } from '../draft'
import { Cell, Filters, List, usePages } from '../list'
import { href } from '../router'
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
    doubtful: '校验位不符，请核对',
    accounts: '查看账号',
    accountsOf: '查看账号：{name}',
    certificates: '查看证书',
    certificatesOf: '查看证书：{name}',
    empty: '没有找到机构',
    emptyText: '请核对名称或信用代码的开头部分。',
    failed: '机构列表没有加载出来。',
    loading: '正在加载机构…',
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
    doubtful: 'The check character is wrong; look at it',
    accounts: 'Accounts',
    accountsOf: 'Accounts of {name}',
    certificates: 'Certificates',
    certificatesOf: 'Certificates of {name}',
    empty: 'No organisation found',
    emptyText: 'Check the beginning of the name or of the code.',
    failed: 'The organisations could not be loaded.',
    loading: 'Loading the organisations…',
  },
)

export function OrganisationsPage() {
  const [asked, ask] = useDraft('operator-organisations', { text: '' })
  const [typed, setTyped] = useState(asked.text)
  const list = usePages<Organisation>((cursor) => `/v1/organisations${query({ ...beginning(asked.text), limit: 50, cursor })}`)
  return (
    <List
      title={w('organisations')}
      lead={say('lead')}
      filters={
        <Filters onFind={() => ask({ text: typed.trim() })}>
          <Field id="find-text" label={say('find')} hint={say('findHint')} value={typed} onInput={setTyped} maxLength={128} testid="organisation-find" />
          <Button submit testid="find">
            <Icon name="search" />
            {say('search')}
          </Button>
        </Filters>
      }
      caption={say('caption')}
      list={list}
      row={(o) => ({ id: o.id, testid: 'organisation-row' })}
      empty={{ icon: 'search', title: say('empty'), text: say('emptyText') }}
      loading={say('loading')}
      failed={say('failed')}
      columns={[
        { head: say('name'), cell: (o) => <strong>{visible(o.name)}</strong> },
        {
          head: say('code'),
          cell: (o) => (
            <Cell sub={[o.credit_code_doubtful && say('doubtful')]}>
              <span class="mono">{o.credit_code}</span>
            </Cell>
          ),
        },
        { head: say('id'), class: 'mono small', cell: (o) => o.id },
      ]}
      acts={(o) => (
        <>
          <a
            class="button button-quiet button-small"
            href={href('accounts')}
            onClick={() => writeDraft('operator-accounts', { name: '', organisation: o.id })}
            aria-label={say('accountsOf', { name: visible(o.name) })}
            data-testid="organisation-accounts"
          >
            {say('accounts')}
          </a>
          <a
            class="button button-quiet button-small"
            href={href('certificates')}
            onClick={() => writeDraft('certificates', { scope: 'all', text: o.credit_code || o.name, serial: '', organisation: o.id })}
            aria-label={say('certificatesOf', { name: visible(o.name) })}
            data-testid="organisation-certificates"
          >
            {say('certificates')}
          </a>
        </>
      )}
    />
  )
}
