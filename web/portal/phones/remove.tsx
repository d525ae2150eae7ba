// 移除手机: what is lost with it, the bids that wait for its keys, and the button. Where
// there are such bids the server lists them first, and they are given up by name.
import { useState } from 'preact/hooks'
import { query } from '../../shared/api'
import { dateTime, visible } from '../../shared/format'
import { type Problem, asProblem } from '../../shared/problem'
import { Button, Dialog, Note, ProblemNote, announce } from '../../shared/ui'
import { OpenBids } from '../renew/guard'
import type { Guard } from '../renew/model'
import { call } from '../state'
import { w } from '../words'
import { type OwnedPhone, platformName } from './model'
import { HeldLine } from './page'
import { f } from './words'

interface Needed {
  bids: Guard['open']
  count: number
  acknowledge: string
}

interface Props {
  phone: OwnedPhone
  told: boolean // the holder is, by somebody else's doing
  onClose: () => void
  onDone: () => void
}

export function RemoveDialog({ phone: p, told, onClose, onDone }: Props) {
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const [needed, setNeeded] = useState<Needed | undefined>(undefined)
  const remove = async () => {
    setBusy(true)
    setProblem(undefined)
    try {
      await call('DELETE', `/v1/devices/${encodeURIComponent(p.id)}${query({ acknowledge: needed?.acknowledge })}`)
      announce(f('done', { name: visible(p.name) }))
      onDone()
    } catch (e) {
      const refused = asProblem(e)
      if (refused.code === 'bids_need_keys') setNeeded(refused.extra as unknown as Needed)
      else setProblem(refused)
      setBusy(false)
    }
  }
  const living = p.certificates.filter((x) => x.state === 'active' || x.state === 'waiting')
  return (
    <Dialog title={f('title')} narrow onClose={busy ? undefined : onClose} testid="remove-dialog">
      <div class="stack">
        <p>
          <strong>{visible(p.name)}</strong>
          {p.platform && <span class="cell-sub">{platformName(p)}</span>}
        </p>
        <Note tone="warn">
          <p>{f('removeText')}</p>
          {living.length > 0 && <p>{f('removeCertificates')}</p>}
          {told && <p>{f('removeTold')}</p>}
        </Note>
        {living.length > 0 && (
          <section class="stack-s" aria-label={f('lost')}>
            <h3 class="small muted">{f('lost')}</h3>
            <ul role="list" class="phone-holds">
              {living.map((x) => (
                <li key={x.id ?? x.serial}>
                  <HeldLine held={x} />
                </li>
              ))}
            </ul>
          </section>
        )}
        {needed ? (
          <Note tone="danger" title={f('bidsTitle', { n: needed.count })} testid="remove-bids" live>
            <OpenBids open={needed.bids} />
            <p>{f('bidsText')}</p>
          </Note>
        ) : (
          p.open_bids && (
            <Note tone="danger">
              <p>{f('bidsSome', { n: p.open_bids.count, at: dateTime(p.open_bids.last_opening) })}</p>
            </Note>
          )
        )}
        {problem && <ProblemNote problem={problem} meaning={f('unchanged')} />}
      </div>
      <div class="dialog-foot">
        <Button onClick={onClose} off={busy} testid="remove-cancel">
          {w('cancel')}
        </Button>
        <Button kind="danger" busy={busy} onClick={() => void remove()} testid="remove-confirm">
          {f(needed ? 'removeYes' : 'title')}
        </Button>
      </div>
    </Dialog>
  )
}
