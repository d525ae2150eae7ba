// 未送达消息, for operators: what could not be delivered after all tries, and the way
// to try again. It shows which way, when and why, not what was in it.
import { useState } from 'preact/hooks'
import { query } from '../../shared/api'
import { dateTime, visible } from '../../shared/format'
import { dictionary } from '../../shared/i18n'
import { asProblem, type Problem } from '../../shared/problem'
import { Button, ProblemNote, announce } from '../../shared/ui'
import { List, usePages } from '../list'
import { call } from '../state'
import { w } from '../words'

interface OutboxMessage {
  id: string
  channel: string
  state: string
  about: string
  at: string
  tries: number
  error?: string
}

const say = dictionary(
  {
    lead: '多次尝试后仍未送达的消息，以及被拒绝而未完成的后续处理（如退款）。排除原因后可以重新发送或重做；手机上的待确认和通知不受影响，打开应用就能看到。',
    caption: '未送达消息',
    at: '时间',
    channel: '渠道',
    about: '事项',
    tries: '尝试次数',
    error: '原因',
    resend: '重新发送',
    resent: '已重新放入发送队列',
    empty: '没有未送达的消息',
    emptyText: '所有消息都已送达，或仍在自动重试中。',
    failed: '未送达消息没有加载出来。',
    meaning: '这条消息没有重新发送，仍在列表中。',
    loading: '正在加载未送达消息…',
    phone: '手机推送',
    mail: '邮件',
    sms: '短信',
    webhook: '回调',
    work: '平台内部处理',
  },
  {
    lead: 'What could not be delivered after all tries, and work that was refused and is not done, such as a refund. Once the cause is mended it can be sent, or done, again. What waits on phones is not affected: it is there when the app is opened.',
    caption: 'Undelivered messages',
    at: 'Time',
    channel: 'Channel',
    about: 'About',
    tries: 'Tries',
    error: 'Why',
    resend: 'Send again',
    resent: 'Put back into the queue',
    empty: 'Nothing is undelivered',
    emptyText: 'All messages were delivered, or are still being tried.',
    failed: 'The undelivered messages could not be loaded.',
    meaning: 'The message was not sent again; it is still in the list.',
    loading: 'Loading the undelivered messages…',
    phone: 'Phone',
    mail: 'Letter',
    sms: 'Short message',
    webhook: 'Webhook',
    work: 'Work within the service',
  },
)

export function MessagesPage() {
  const [busy, setBusy] = useState('')
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const list = usePages<OutboxMessage>((cursor) => `/v1/messages${query({ limit: 50, cursor })}`)
  const resend = async (id: string) => {
    setBusy(id)
    setProblem(undefined)
    try {
      await call('POST', `/v1/messages/${encodeURIComponent(id)}/resend`, { body: {} })
      announce(say('resent'))
      list.reload()
    } catch (e) {
      setProblem(asProblem(e))
    }
    setBusy('')
  }
  return (
    <List
      title={w('messages')}
      lead={say('lead')}
      buttons={
        <Button onClick={list.reload} busy={list.loading && list.items !== undefined}>
          {w('refresh')}
        </Button>
      }
      notes={problem && <ProblemNote problem={problem} meaning={say('meaning')} />}
      caption={say('caption')}
      list={list}
      row={(m) => ({ id: m.id, testid: 'message-row' })}
      ids
      empty={{ icon: 'check', title: say('empty'), text: say('emptyText') }}
      loading={say('loading')}
      failed={say('failed')}
      columns={[
        { head: say('at'), class: 'nums nowrap', cell: (m) => dateTime(m.at) },
        { head: say('channel'), cell: (m) => (say.has(m.channel) ? say(m.channel) : m.channel) },
        { head: say('about'), class: 'mono small', cell: (m) => m.about },
        { head: say('tries'), class: 'nums', cell: (m) => m.tries },
        { head: say('error'), class: 'small', cell: (m) => visible(m.error ?? '—') },
      ]}
      acts={(m) => (
        <Button size="small" busy={busy === m.id} testid="resend" onClick={() => void resend(m.id)}>
          {say('resend')}
        </Button>
      )}
    />
  )
}
