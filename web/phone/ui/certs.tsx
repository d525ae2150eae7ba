// 我的证书: what lies on this phone, with the server's word on it.
import { useState } from 'preact/hooks'
import { date, dateTime, daysUntil, groups, inDays } from '../../shared/format'
import { type Problem, asProblem } from '../../shared/problem'
import { serverTime } from '../../shared/servertime'
import { Blank, Button, Dialog, Icon, Note, ProblemNote, Waiting, announce } from '../../shared/ui'
import type { CertificateRecord, WaitingKey } from '../core/db'
import { attribute, nameText, parseCertificate, type Certificate } from '../core/x509'
import { t } from '../words/certs'
import { t as extend } from '../words/extend'
import { t as revoke } from '../words/revoke'
import { t as shell } from '../words/shell'
import { Head, Text, providerName } from './bits'
import { rehearse } from '../core/rehearsal'
import { AskPin } from './pin'
import { ExtendDialog } from './extend'
import { RevokeDialog } from './revoke'
import { go } from './route'
import { useLoad, usePhone } from './use'

export type CertState = 'active' | 'superseded' | 'revoked' | 'expired' | 'keyless' | 'future'

export function stateOf(r: CertificateRecord, c: Certificate, now: number): CertState {
  const told = r.seen?.state
  if (told === 'revoked' || told === 'superseded') return told
  if (told === 'expired' || now >= c.notAfter) return 'expired'
  if (r.keys.length === 0) return 'keyless'
  return now < c.notBefore ? 'future' : 'active'
}

const soon = 30 // days before the end at which it is mentioned
const near = 90 // and at which the days are counted, as the portal does

export function kindOf(c: Certificate): string {
  return c.algorithm === 'ES256' ? t('kind_ES256') : c.algorithm === 'SM2SM3' ? t('kind_SM2SM3') : t('kindOther', { kind: c.algorithm })
}

function untilOf(c: Certificate, now: number): string {
  const end = { date: date(c.notAfter) }
  return daysUntil(c.notAfter, now) > near ? t('until', end) : t('untilNear', { ...end, days: inDays(c.notAfter, now) })
}

// Local first, so that there is something to see without a network; then the
// server's word, when it comes.
function useCertificates() {
  const phone = usePhone()
  const local = useLoad(() => phone.certificates(), [])
  const told = useLoad(() => phone.sync(), [])
  const asked = useLoad(() => phone.asked(), [told.data])
  return { records: told.data ?? local.data, told, asked }
}

export function CertsView() {
  const phone = usePhone()
  const { records, told, asked } = useCertificates()
  const waiting = asked.data ?? []
  return (
    <section class="view">
      <Head title={t('title')}>
        <a class="icon-button" href="#/device" aria-label={shell('device')} data-testid="device">
          <Icon name="phone" />
        </a>
      </Head>
      {told.problem && records && records.length > 0 && <ProblemNote problem={told.problem} meaning={t('stale')} onRetry={told.reload} />}
      {waiting.length > 0 && (
        <ul class="cards" role="list">
          {waiting.map((w) => (
            <li key={w.session}>
              <AskedCard waiting={w} onDismiss={() => void phone.dismiss(w.session).then(asked.reload)} />
            </li>
          ))}
        </ul>
      )}
      {!records ? (
        <Waiting text={t('loading')} />
      ) : records.length === 0 && waiting.length > 0 ? null : records.length === 0 ? (
        told.problem ? (
          <ProblemNote problem={told.problem} onRetry={told.reload} />
        ) : told.loading ? (
          <Waiting text={t('loading')} />
        ) : (
          <Blank icon="certificate" title={t('emptyTitle')} testid="certs-empty">
            <p>{t('empty')}</p>
            <Button kind="primary" onClick={() => go({ place: 'scan' })}>
              {t('emptyScan')}
            </Button>
          </Blank>
        )
      ) : (
        <ul class="cards" role="list">
          {records.map((r) => (
            <li key={r.id}>
              <Card record={r} />
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

function Card({ record }: { record: CertificateRecord }) {
  const now = serverTime.now()
  const c = parseCertificate(record.der)
  const state = stateOf(record, c, now)
  const account = record.seen?.binding?.account_name
  return (
    <a class={`card card-${state}`} href={`#/certs/${record.id}`} data-testid="cert-item" data-state={state}>
      <span class="card-top">
        <Text class="card-title">{attribute(c.subject, 'CN') || t('unnamed')}</Text>
        <Badge state={state} />
      </span>
      <Text class="card-line">{attribute(c.subject, 'O')}</Text>
      <span class="card-line muted">
        {providerName(record.provider)} · {kindOf(c)}
      </span>
      {record.seen?.renewal?.state === 'extension' && <span class="badge badge-warn">{extend('waits')}</span>}
      <span class="card-foot">
        <span>{state === 'expired' ? t('expiredOn', { date: date(c.notAfter) }) : untilOf(c, now)}</span>
        <span>{account ? <Text>{t('boundTo', { account })}</Text> : record.seen ? t('notBound') : ''}</span>
      </span>
    </a>
  )
}

// A request that an authority has to see to, or would not.
function AskedCard({ waiting, onDismiss }: { waiting: WaitingKey; onDismiss: () => void }) {
  const { asked } = waiting
  if (!asked) return null
  const declined = asked.state === 'declined'
  return (
    <div class={`card card-${declined ? 'revoked' : 'future'}`} data-testid="cert-asked" data-state={asked.state}>
      <span class="card-top">
        <Text class="card-title">{asked.holder_name || t('unnamed')}</Text>
        <span class={`badge badge-${declined ? 'danger' : 'accent'}`}>{t(declined ? 'declinedTitle' : 'waitingTitle')}</span>
      </span>
      <span class="card-line muted">
        {providerName(asked.provider ?? waiting.provider)} · {t('since', { at: dateTime(asked.since) })}
      </span>
      <span class="card-line">{declined ? <Text>{t('declinedText', { note: asked.note ?? '' })}</Text> : t('waitingText')}</span>
      {declined && (
        <Button kind="quiet" size="small" testid="asked-dismiss" onClick={onDismiss}>
          {t('dismiss')}
        </Button>
      )}
    </div>
  )
}

// The encryption half of the pair, and what becomes of its key.
function PairFacts({ record }: { record: CertificateRecord }) {
  const { twin } = record
  if (!twin) return <Fact name={t('pair')} value={t('pairNone')} />
  return (
    <>
      <dt>{t('pair')}</dt>
      <dd data-testid="cert-pair" data-ready={twin.keys.length > 0}>
        {sealed(record) ? t('pairSealed') : twin.keys.length > 0 ? t('pairReady') : t('state_keyless')}
      </dd>
      <Fact name={t('pairMaker')} value={t(twin.maker === 'authority' ? 'maker_authority' : 'maker_holder')} />
      <Fact name={t('escrow')} value={t(twin.escrowed ? 'escrowed' : 'notEscrowed')} />
    </>
  )
}

// sealed: the encryption key still lies in its envelope.
function sealed({ twin }: CertificateRecord): boolean {
  return twin !== undefined && twin.keys.length === 0 && twin.envelope !== undefined
}

function Badge({ state }: { state: CertState }) {
  const tone = state === 'active' ? 'good' : state === 'future' ? 'accent' : state === 'superseded' ? 'warn' : 'danger'
  return <span class={`badge badge-${tone}`}>{t(`state_${state}`)}</span>
}

export function CertView({ id }: { id: string }) {
  const phone = usePhone()
  const { records, told } = useCertificates()
  const record = records?.find((r) => r.id === id)
  const [menu, setMenu] = useState(false)
  const [opening, setOpening] = useState(false)
  const [unopened, setUnopened] = useState(false)
  const [deleting, setDeleting] = useState(false)
  const [extending, setExtending] = useState(false)
  const [revoking, setRevoking] = useState(false)
  const [rehearsing, setRehearsing] = useState(false)
  const [rehearsed, setRehearsed] = useState<boolean | undefined>(undefined)
  const [unrehearsed, setUnrehearsed] = useState<Problem | undefined>(undefined)

  if (!record) {
    return (
      <section class="view">
        <Head title={t('details')} backTo={{ place: 'certs' }} />
        {!records || told.loading ? (
          <Waiting text={t('loading')} />
        ) : (
          <Blank icon="certificate" title={t('missingTitle')}>
            <p>{t('missing')}</p>
            <Button onClick={() => go({ place: 'certs' })}>{t('toList')}</Button>
          </Blank>
        )}
      </section>
    )
  }
  if (opening) {
    const open = async (under: CryptoKey) => {
      try {
        await phone.openTwin(id, under)
        announce(t('pairOpened'))
        told.reload()
      } catch {
        setUnopened(true)
      }
      setOpening(false)
    }
    return <AskPin context={<p>{t('pairOpenWhy')}</p>} onOpen={(under) => void open(under)} onCancel={() => setOpening(false)} />
  }
  if (rehearsing) {
    const run = async (under: CryptoKey) => {
      setRehearsed(undefined)
      setUnrehearsed(undefined)
      setRehearsing(false)
      try {
        const passed = await rehearse(phone.api, record, under)
        setRehearsed(passed)
        announce(extend(passed ? 'rehearsed' : 'unrehearsed'), !passed)
      } catch (e) {
        setUnrehearsed(asProblem(e))
      }
    }
    return <AskPin context={<p>{extend('rehearseWhy')}</p>} onOpen={(under) => void run(under)} onCancel={() => setRehearsing(false)} />
  }
  const now = serverTime.now()
  const c = parseCertificate(record.der)
  const state = stateOf(record, c, now)
  const holder = attribute(c.subject, 'CN') || t('unnamed')
  const bound = record.seen?.binding
  const kept = record.seen?.open_bids
  const decrypts = record.twin !== undefined && record.twin.keys.length > 0
  const remove = async () => {
    await phone.remove(id)
    announce(t('deleted'))
    go({ place: 'certs' }, true)
  }
  return (
    <section class="view" data-testid="cert-detail">
      <Head title={holder} backTo={{ place: 'certs' }}>
        <div class="menu">
          <button type="button" class="icon-button" aria-label={t('more')} aria-expanded={menu} aria-controls="cert-menu" data-testid="cert-more" onClick={() => setMenu(!menu)}>
            <Icon name="more" />
          </button>
          {menu && (
            <div class="menu-box" id="cert-menu" onKeyDown={(e) => e.key === 'Escape' && setMenu(false)}>
              {(state === 'active' || state === 'expired') && (
                <Button kind="quiet" wide testid="cert-extend" onClick={() => (setMenu(false), setExtending(true))}>
                  {extend('extend')}
                </Button>
              )}
              {decrypts && (
                <Button kind="quiet" wide testid="cert-rehearse" onClick={() => (setMenu(false), setRehearsing(true))}>
                  {extend('rehearse')}
                </Button>
              )}
              {(state === 'active' || state === 'keyless' || state === 'future') && (
                <Button kind="quiet-danger" wide testid="cert-revoke" onClick={() => (setMenu(false), setRevoking(true))}>
                  {revoke('act')}
                </Button>
              )}
              <Button kind="quiet-danger" wide testid="cert-delete" onClick={() => (setMenu(false), setDeleting(true))}>
                {t('delete')}
              </Button>
            </div>
          )}
        </div>
      </Head>
      <StateNote state={state} days={daysUntil(c.notAfter, now)} in_={inDays(c.notAfter, now)} />
      {rehearsed !== undefined && (
        <Note tone={rehearsed ? 'good' : 'danger'} testid="rehearsed" live>
          <p>{extend(rehearsed ? 'rehearsed' : 'unrehearsed')}</p>
        </Note>
      )}
      {unrehearsed && <ProblemNote problem={unrehearsed} meaning={extend('rehearseNot')} />}
      {kept && (
        <Note tone="warn" testid="cert-keep">
          <p>{extend('keep', { n: kept.count, at: dateTime(kept.last_opening) })}</p>
        </Note>
      )}
      <dl class="facts">
        <dt>{t('state')}</dt>
        <dd>
          <Badge state={state} />
        </dd>
        <Fact name={t('holder')} value={holder} />
        <Fact name={t('organisation')} value={attribute(c.subject, 'O')} />
        <Fact name={t('provider')} value={providerName(record.provider)} />
        <Fact name={t('kind')} value={kindOf(c)} />
        <Fact name={t('validUntil')} value={daysUntil(c.notAfter, now) > near ? dateTime(c.notAfter) : t('validUntilNear', { time: dateTime(c.notAfter), days: inDays(c.notAfter, now) })} />
        <Fact name={t('bound')} value={bound?.account_name ?? (record.seen ? t('notBound') : t('boundUnknown'))} />
        {bound?.bound_at && <Fact name={t('boundAt')} value={dateTime(bound.bound_at)} />}
        <PairFacts record={record} />
      </dl>
      {unopened && (
        <Note tone="danger" live>
          <p>{t('pairFailed')}</p>
        </Note>
      )}
      {sealed(record) && record.keys.length > 0 && (
        <Button wide testid="pair-open" onClick={() => setOpening(true)}>
          {t('pairOpen')}
        </Button>
      )}
      <p class="muted small">{c.algorithm === 'SM2SM3' ? t('sm2Note') : t('p256Note')}</p>
      <details class="shown">
        <summary>{t('details')}</summary>
        <dl class="facts facts-stacked">
          <Fact name={t('validFrom')} value={dateTime(c.notBefore)} />
          <Fact name={t('serial')} value={groups(c.serial)} mono />
          {record.twin && <Fact name={t('pairSerial')} value={groups(parseCertificate(record.twin.der).serial)} mono />}
          <Fact name={t('subject')} value={nameText(c.subject)} />
          <Fact name={t('issuer')} value={nameText(c.issuer)} />
          <Fact name={t('fingerprint')} value={groups(record.id)} mono />
          <Fact name={t('added')} value={dateTime(record.addedAt)} />
        </dl>
      </details>
      {extending && <ExtendDialog id={id} onRehearse={decrypts ? () => (setExtending(false), setRehearsing(true)) : undefined} onClose={() => setExtending(false)} />}
      {revoking && (
        <RevokeDialog
          id={id}
          holder={holder}
          account={bound?.account_name}
          onClose={() => setRevoking(false)}
          onDone={() => {
            setRevoking(false)
            told.reload()
          }}
        />
      )}
      {deleting && kept && (
        <Dialog title={extend('keepTitle')} narrow onClose={() => setDeleting(false)} testid="keep-dialog">
          <p>{extend('keep', { n: kept.count, at: dateTime(kept.last_opening) })}</p>
          <div class="dialog-foot">
            <Button kind="primary" onClick={() => setDeleting(false)}>
              {t('deleteNo')}
            </Button>
          </div>
        </Dialog>
      )}
      {deleting && !kept && (
        <Dialog title={t('deleteTitle')} narrow onClose={() => setDeleting(false)} testid="delete-dialog">
          <div class="stack">
            <p>
              <Text>{t('deleteWhat', { holder })}</Text>
            </p>
            {bound?.account_name && (
              <p>
                <Text>{t('deleteBound', { account: bound.account_name })}</Text>
              </p>
            )}
          </div>
          <div class="dialog-foot">
            <Button onClick={() => setDeleting(false)}>{t('deleteNo')}</Button>
            <Button kind="danger" testid="cert-delete-yes" onClick={() => void remove()}>
              {t('deleteYes')}
            </Button>
          </div>
        </Dialog>
      )}
    </section>
  )
}

function StateNote({ state, days, in_ }: { state: CertState; days: number; in_: string }) {
  const text = { active: '', future: '', superseded: `${t('supersededNote')}${extend('history')}`, revoked: t('revokedNote'), expired: t('expiredNote'), keyless: t('keylessNote') }[state]
  if (text) {
    return (
      <Note tone={state === 'superseded' ? 'warn' : 'danger'}>
        <p>{text}</p>
      </Note>
    )
  }
  if (state !== 'active' || days > soon) return null
  return (
    <Note tone="warn">
      <p>{t('soonNote', { days: in_ })}</p>
    </Note>
  )
}

function Fact(p: { name: string; value: string; mono?: boolean }) {
  if (p.value === '') return null
  return (
    <>
      <dt>{p.name}</dt>
      <dd>
        <Text class={p.mono ? 'mono' : ''}>{p.value}</Text>
      </dd>
    </>
  )
}
