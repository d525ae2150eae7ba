// Expired before it was extended: who the holder is must be proved anew, by a face
// check, or by a reviewer; then a new certificate is collected.
import { useState } from 'preact/hooks'
import { visible } from '../../shared/format'
import { Button, Note } from '../../shared/ui'
import { a } from '../apply/words'
import { providerName } from '../words'
import { type Props, useAct } from './course'
import { OpenBids } from './guard'
import { QRDialog } from './scan'
import { r } from './words'

export function Expired(p: Props) {
  const { n } = p
  const [scanning, setScanning] = useState(false)
  const stopped = n.guard !== undefined && n.guard.open.length > 0
  const name = providerName(n.certificate.provider)
  const text = n.identity_proved ? r('provedText') : r(n.identity?.face ? 'expiredFace' : 'expiredText', { name })
  return (
    <div class="stack" data-testid="course">
      <Note tone={n.identity_proved ? 'plain' : 'danger'} title={r('expiredTitle')} testid="expired">
        <p>{text}</p>
      </Note>
      {stopped && n.guard && (
        <Note tone="danger" title={r('guardTitle')} testid="guard-open">
          <OpenBids open={n.guard.open} />
          <p>{r('expiredBids')}</p>
        </Note>
      )}
      {!n.identity_proved && n.identity?.face && <FaceCheck {...p} />}
      {n.identity_proved && !stopped && (
        <div class="row">
          <Button kind="primary" onClick={() => setScanning(true)} testid="collect">
            {r('collect')}
          </Button>
        </div>
      )}
      {scanning && <QRDialog renewal={n} collects onClose={() => setScanning(false)} />}
    </div>
  )
}

const outcomes = { mismatched: ['faceMismatched', 'faceMismatchedAgain'], expired: ['faceExpired', 'faceExpiredText'], failed: ['faceFailed', 'faceFailedAgain'] } as const

function FaceCheck(p: Props) {
  const check = p.n.identity!
  const { busy, act, note } = useAct(p)
  const open = check.state === 'pending' && check.url ? check.url : ''
  const said = check.state && check.state in outcomes ? outcomes[check.state as keyof typeof outcomes] : undefined
  return (
    <div class="stack" data-testid="face-check" data-state={check.state ?? ''}>
      {check.sandbox && (
        <Note tone="warn" testid="sandbox-note">
          <p>{a('sandbox')}</p>
        </Note>
      )}
      {said && (
        <Note tone={check.state === 'mismatched' ? 'danger' : 'warn'} title={a(said[0])} live testid="face-outcome">
          <p>{said[1] === 'faceExpiredText' ? a(said[1]) : r(said[1])}</p>
        </Note>
      )}
      {note}
      {open ? (
        <>
          <Note title={a('facePending')} live>
            <p>{a('facePendingText', { holder: visible(p.n.certificate.holder_name) })}</p>
          </Note>
          <div class="row">
            <a class="button button-primary" href={open} target="_blank" rel="noopener" data-testid="face-link">
              {a('faceOpen')}
            </a>
            <Button busy={busy === 'face/look'} onClick={() => void act('face/look')} testid="face-look">
              {a('faceLook')}
            </Button>
          </div>
        </>
      ) : (
        <>
          <p class="small muted">{check.left > 0 ? r('faceLeft', { n: check.left }) : a('faceNone')}</p>
          <div class="row">
            <Button kind="primary" busy={busy === 'face'} off={check.left === 0} onClick={() => void act('face')} testid="face-start">
              {a('startFace')}
            </Button>
          </div>
        </>
      )}
    </div>
  )
}
