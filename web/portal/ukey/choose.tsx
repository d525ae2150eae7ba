// What is plugged in, live: certificates to choose from, and what is wrong where
// there is none.
import { useEffect, useRef } from 'preact/hooks'
import { date, visible } from '../../shared/format'
import { either } from '../../shared/i18n'
import type { Provider } from '../../shared/model'
import { Button, Choices, Note, Spinner, Waiting, announce } from '../../shared/ui'
import { algorithmName } from '../bindings/words'
import { go } from '../router'
import type { Token, TokenCertificate, TokenProblem, Tokens } from './bridge'
import { u } from './words'

export interface Usable {
  token: Token
  certificate: TokenCertificate
}

export function usable(tokens: Tokens | undefined, only?: string): Usable[] {
  const fits = (c: TokenCertificate) => c.use === 'sign' && (!only || c.id === only)
  return (tokens?.tokens ?? []).flatMap((token) => token.certificates.filter(fits).map((certificate) => ({ token, certificate })))
}

// twinOf is the encryption certificate beside a signing one on its token, of the same
// holder and authority; undefined where there is none that is in its term.
export function twinOf(x: Usable): TokenCertificate | undefined {
  const now = new Date().toISOString()
  return x.token.certificates.find(
    (c) => c.use === 'encrypt' && c.subject === x.certificate.subject && c.issuer === x.certificate.issuer && c.not_before <= now && !c.expired,
  )
}

export function key(x: Usable): string {
  return `${x.token.id}/${x.certificate.id}`
}

// A date is not parted at the end of a line.
function day(v: string): string {
  return date(v).replaceAll('-', '\u2011')
}

export function good(x: Usable): boolean {
  return !x.certificate.expired && !x.token.pin.locked
}

interface Props {
  tokens: Tokens | undefined
  only?: string
  onlyMissing?: string
  provider: Provider
  chosen: string
  error?: string
  onChoose: (key: string) => void
  leave: () => void
}

export function Choose({ tokens, only, onlyMissing, provider, chosen, error, onChoose, leave }: Props) {
  const before = useRef<string[] | undefined>(undefined)
  useEffect(() => {
    const now = tokens?.tokens.map((t) => t.id)
    if (!now) return
    const was = before.current ?? []
    const fresh = tokens?.tokens.find((t) => !was.includes(t.id))
    if (fresh) announce(u('inserted', { label: visible(fresh.label) }))
    else if (was.some((id) => !now.includes(id))) announce(u('removed'))
    before.current = now
  }, [tokens])

  if (!tokens) return <Waiting text={u('reading')} />
  const all = usable(tokens, only)
  const list = tokens.tokens
  return (
    <div class="stack" data-testid="tokens" data-state={list.length > 0 ? 'some' : 'none'}>
      {list.length === 0 && (
        <Note title={u('insertTitle')} testid="insert">
          <p class="row">
            <Spinner />
            <span>{u('insertText')}</span>
          </p>
          <Button size="small" onClick={() => (leave(), go('downloads'))} testid="drivers">
            {u('drivers')}
          </Button>
        </Note>
      )}
      {list.map((t) => (
        <Health key={t.id} token={t} />
      ))}
      {list.length > 0 && all.length === 0 && only && (
        <Note tone="warn" testid="token-other" live>
          <p>{onlyMissing}</p>
        </Note>
      )}
      {(list.length === 0 || all.length === 0) && <Problems problems={tokens.problems} provider={provider} />}
      {all.length > 0 && (
        <Choices
          name="certificate"
          legend={all.length > 1 ? u('choose') : u('tokenTitle')}
          hint={all.length > 1 ? u('chooseHint') : undefined}
          error={error}
          columns="one"
          value={chosen}
          onChange={onChoose}
          options={all.map((x) => ({
            value: key(x),
            title: visible(x.certificate.holder || x.certificate.subject),
            off: !good(x),
            testid: `certificate-${x.certificate.algorithm}`,
            note: (
              <>
                {x.certificate.expired
                  ? u('certExpired', { date: date(x.certificate.not_after) })
                  : u('certNote', { organisation: visible(x.certificate.organisation), issuer: visible(x.certificate.issuer), date: day(x.certificate.not_after) })}
                <br />
                {algorithmName(x.certificate.algorithm)} · {u('onToken', { label: visible(x.token.label), serial: visible(x.token.serial) })}
              </>
            ),
          }))}
        />
      )}
    </div>
  )
}

function Health({ token }: { token: Token }) {
  const label = visible(token.label)
  if (token.pin.locked) {
    return (
      <Note tone="danger" title={u('lockedTitle', { label })} testid="token-locked">
        <p>{u('lockedText')}</p>
      </Note>
    )
  }
  if (!token.certificates.some((c) => c.use === 'sign')) return <Note testid="token-empty">{u('noCert', { label })}</Note>
  if (token.pin.left > 0 && token.pin.left <= 2) {
    return (
      <Note tone="warn" testid="token-left">
        {u('leftWarn', { label, n: token.pin.left })}
      </Note>
    )
  }
  return null
}

// Drivers that are not there are told of only where they are of the provider chosen,
// or nobody knows whose they are: a list of ten missing drivers helps nobody.
function Problems({ problems, provider }: { problems: TokenProblem[]; provider: Provider }) {
  const mine = problems.filter((p) => p.code !== 'ukey_driver_missing' || p.profile.providers.length === 0 || p.profile.providers.includes(provider.id))
  return (
    <>
      {mine.map((p) => {
        const name = either(p.profile.name_zh, p.profile.name_en)
        return (
          <Note key={p.profile.id} tone="warn" testid="token-problem">
            {p.code === 'ukey_driver_missing' ? u('noDriver', { name }) : u('driverProblem', { name, text: either(p.title_zh, p.title_en) })}
          </Note>
        )
      })}
    </>
  )
}
