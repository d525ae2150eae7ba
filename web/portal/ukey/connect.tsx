// The way to a bridge that can be used: found, allowed by the browser, known to the
// administrator, up to date, paired. Each obstacle has its own words and its way out.
import { useEffect } from 'preact/hooks'
import { Button, Note, ProblemNote, Spinner, Waiting, announce } from '../../shared/ui'
import { go } from '../router'
import { useApp } from '../state'
import type { Bridge, Stage } from './use'
import { u } from './words'

export function Connect({ bridge, leave }: { bridge: Bridge; leave: () => void }) {
  const s = bridge.stage
  useEffect(() => {
    const title = titleOf(s)
    if (title) announce(title)
  }, [s.kind, s.kind === 'silent' && s.why])

  switch (s.kind) {
    case 'looking':
      return <Waiting text={u('looking')} />
    case 'silent':
      return <SilentNote bridge={bridge} leave={leave} />
    case 'outdated':
      return (
        <Note tone="warn" title={u('outdatedTitle')} testid="bridge-outdated">
          <p>{u('outdatedText', { version: s.version })}</p>
          <Download />
        </Note>
      )
    case 'unpaired':
      return (
        <Note title={u('pairTitle')} testid="bridge-unpaired">
          <p>{u('pairText')}</p>
          <Button kind="primary" onClick={bridge.pair} testid="pair">
            {u('pair')}
          </Button>
        </Note>
      )
    case 'pairing':
      return (
        <Note title={u('pairingTitle')} testid="bridge-pairing" live>
          <p class="row">
            <Spinner />
            <span>{u('pairingText')}</span>
          </p>
        </Note>
      )
    case 'refused':
      return <ProblemNote problem={s.problem} onRetry={bridge.pair} retryText={u('pair')} testid="bridge-refused" />
    case 'ready':
      return null
  }
}

function titleOf(s: Stage): string {
  if (s.kind === 'silent') return u(`${s.why}Title` as 'absentTitle')
  if (s.kind === 'outdated') return u('outdatedTitle')
  if (s.kind === 'unpaired') return u('pairTitle')
  if (s.kind === 'pairing') return u('pairingTitle')
  return ''
}

// Safari lets no page by https reach plain loopback, whatever is installed.
function isSafari(): boolean {
  const agent = navigator.userAgent
  return /^((?!chrome|chromium|android|edg|crios|fxios).)*safari/i.test(agent)
}

function SilentNote({ bridge, leave }: { bridge: Bridge; leave: () => void }) {
  const why = bridge.stage.kind === 'silent' ? bridge.stage.why : 'absent'
  return (
    <Note tone="warn" title={u(`${why}Title` as 'absentTitle')} testid={`bridge-${why}`}>
      <p>{u(`${why}Text` as 'absentText', { origin: location.origin })}</p>
      {why === 'absent' && isSafari() && <p>{u('safari')}</p>}
      <div class="row">
        {why === 'absent' && <Download />}
        {why === 'absent' && (
          <Button size="small" onClick={() => (leave(), go('downloads'))} testid="drivers">
            {u('drivers')}
          </Button>
        )}
        <Button size="small" onClick={bridge.look} testid="look-again">
          {u('again')}
        </Button>
      </div>
    </Note>
  )
}

export function Download() {
  const { config } = useApp()
  const url = config?.bridge?.download
  if (!url) return <span class="small">{u('noDownload')}</span>
  return (
    <a class="button button-small" href={url} target="_blank" rel="noopener noreferrer" data-testid="bridge-download">
      {u('download')}
    </a>
  )
}
