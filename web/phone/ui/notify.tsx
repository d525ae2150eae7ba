// How this phone is told: its own channels in their order, each on or off; and what
// it was told lately. The open stream needs no switch: it is the app itself.
import { useState } from 'preact/hooks'
import { dateTime } from '../../shared/format'
import { lang } from '../../shared/i18n'
import { asProblem, type Problem } from '../../shared/problem'
import { Button, ProblemNote, Waiting } from '../../shared/ui'
import type { Notice } from '../core/prompts'
import { t } from '../words/notify'
import { useLoad, usePhone } from './use'

interface Channels {
  offered: string[]
  items: { kind: string; on: boolean; retired: boolean }[]
}

export function Notifications() {
  const phone = usePhone()
  const told = useLoad(() => phone.api.call<Channels>('GET', '/v1/phone/channels'), [])
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const [busy, setBusy] = useState('')
  const turn = async (kind: string) => {
    setBusy(kind)
    setProblem(undefined)
    try {
      const channels = (told.data?.items ?? []).map((c) => ({ kind: c.kind, on: c.kind === kind ? !c.on : c.on }))
      await phone.api.call('PUT', '/v1/phone/channels', { body: { channels } })
      told.reload()
    } catch (e) {
      setProblem(asProblem(e))
    }
    setBusy('')
  }
  const items = told.data?.items ?? []
  return (
    <div class="panel" data-testid="notifications">
      <h2>{t('title')}</h2>
      <p>{t('stream')}</p>
      {problem && <ProblemNote problem={problem} meaning={t('unchanged')} />}
      {told.problem ? (
        <ProblemNote problem={told.problem} onRetry={told.reload} />
      ) : !told.data ? (
        <Waiting />
      ) : items.length === 0 ? (
        <p class="muted">{t('none')}</p>
      ) : (
        <ul class="channel-list" role="list">
          {items.map((c) => (
            <li key={c.kind} class="channel">
              <span>
                {t.has(c.kind) ? t(c.kind) : c.kind}
                {c.retired && <span class="muted small"> · {t('retired')}</span>}
              </span>
              <span class="channel-end">
                <span class={c.on ? 'badge badge-good' : 'badge'}>{c.on ? t('on') : t('off')}</span>
                <Button size="small" busy={busy === c.kind} testid={`channel-${c.kind}`} label={`${c.on ? t('turnOff') : t('turnOn')} ${t.has(c.kind) ? t(c.kind) : c.kind}`} onClick={() => void turn(c.kind)}>
                  {c.on ? t('turnOff') : t('turnOn')}
                </Button>
              </span>
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}

export function Notices({ notices }: { notices: Notice[] }) {
  if (notices.length === 0) return null
  return (
    <div class="notices" data-testid="notices">
      <h2>{t('notices')}</h2>
      <ul class="lines" role="list">
        {notices.map((n) => (
          <li key={n.id} class="line">
            <span class="line-main">{lang() === 'en' ? n.text_en : n.text_zh}</span>
            <span class="line-end muted small nums">{dateTime(n.at)}</span>
          </li>
        ))}
      </ul>
    </div>
  )
}
