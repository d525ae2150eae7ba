// 未送达消息, for operators: what could not be delivered after all tries, and the way
// to try again. It shows which way, when and why, not what was in it.
import { useState } from 'preact/hooks'
import { query } from '../../shared/api'
import { dateTime, visible } from '../../shared/format'
import { dictionary } from '../../shared/i18n'
import { asProblem, type Problem } from '../../shared/problem'
import type { Page } from '../../shared/model'
import { Blank, Button, ProblemCode, ProblemNote, Waiting, announce } from '../../shared/ui'
import { useLoad } from '../load'
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
    acts: '操作',
    resend: '重新发送',
    resent: '已重新放入发送队列',
    empty: '没有未送达的消息',
    emptyText: '所有消息都已送达，或仍在自动重试中。',
    failed: '未送达消息没有加载出来。',
    meaning: '这条消息没有重新发送，仍在列表中。',
    loading: '正在加载未送达消息…',
    older: '更早的消息',
    newest: '回到最新',
    reload: '刷新',
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
    acts: 'Acts',
    resend: 'Send again',
    resent: 'Put back into the queue',
    empty: 'Nothing is undelivered',
    emptyText: 'All messages were delivered, or are still being tried.',
    failed: 'The undelivered messages could not be loaded.',
    meaning: 'The message was not sent again; it is still in the list.',
    loading: 'Loading the undelivered messages…',
    older: 'Older messages',
    newest: 'Back to the newest',
    reload: 'Reload',
    phone: 'Phone',
    mail: 'Letter',
    sms: 'Short message',
    webhook: 'Webhook',
    work: 'Work within the service',
  },
)

export function MessagesPage() {
  const [cursor, setCursor] = useState('')
  const [busy, setBusy] = useState('')
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const list = useLoad((signal) => call<Page<OutboxMessage>>('GET', `/v1/messages${query({ limit: 50, cursor })}`, { signal }), [cursor])
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
    <div class="stack page-body">
      <div class="row-between">
        <h1>{w('messages')}</h1>
        <Button onClick={list.reload} busy={list.loading && list.data !== undefined}>
          {say('reload')}
        </Button>
      </div>
      <p class="lead">{say('lead')}</p>
      {problem && <ProblemNote problem={problem} meaning={say('meaning')} />}
      <section class="card" aria-label={say('caption')}>
        {list.data ? (
          list.data.items.length > 0 ? (
            <div class="table-box">
              <table class="table table-break" role="table" aria-label={say('caption')}>
                <thead role="rowgroup">
                  <tr role="row">
                    {(['at', 'channel', 'about', 'tries', 'error', 'acts'] as const).map((c) => (
                      <th key={c} role="columnheader" scope="col">
                        {say(c)}
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody role="rowgroup">
                  {list.data.items.map((m) => (
                    <tr key={m.id} role="row" data-testid="message-row">
                      <td role="cell" data-label={say('at')} class="nums nowrap">
                        {dateTime(m.at)}
                      </td>
                      <td role="cell" data-label={say('channel')}>
                        {say.has(m.channel) ? say(m.channel) : m.channel}
                      </td>
                      <td role="cell" data-label={say('about')} class="mono small">
                        {m.about}
                      </td>
                      <td role="cell" data-label={say('tries')} class="nums">
                        {m.tries}
                      </td>
                      <td role="cell" data-label={say('error')} class="small">
                        {visible(m.error ?? '—')}
                      </td>
                      <td role="cell" data-label={say('acts')}>
                        <Button size="small" busy={busy === m.id} testid="resend" onClick={() => void resend(m.id)}>
                          {say('resend')}
                        </Button>
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          ) : (
            <Blank icon="check" title={say('empty')} testid="empty">
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
