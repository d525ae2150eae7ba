// The phone: its device key, what it holds, and what the server says about it.
import type { RevokeReason } from '../../shared/model'
import { isProblem, Problem } from '../../shared/problem'
import { serverTime } from '../../shared/servertime'
import { Api, type CallOptions, type Clock, type Send } from './api'
import { fromBase64 } from './bytes'
import { Confirming } from './confirming'
import type { CertificateRecord, Change, Database, DeviceRecord, SessionRecord, WaitingKey } from './db'
import { newDeviceKey } from './dpop'
import { over, type AskedView, type CertificatePage, type CertificateView, type DeviceView, type GuardView, type Page, type PhoneSession, type SessionSummary } from './model'
import { listen } from './listening'
import { Pin } from './pin'
import { asSession, asSummary, pathOf, type Inbox, type Notice, type PhonePrompt } from './prompts'
import { openTwin, twinOf } from './twin'
import { Watched } from './watched'
import { fingerprint, keyNameOf, parseCertificate } from './x509'

export type Standing =
  | 'starting'
  | 'new' // no device yet
  | 'ready'
  | 'unknown' // the server does not know this device (any more)
  | 'revoked'

// A phone holds a handful of certificates; a list without an end is no list.
const maxPages = 20

// How many ended sessions the phone remembers by itself.
const remembered = 200

export class Phone extends Watched {
  standing: Standing = 'starting'
  device: DeviceRecord | undefined
  me: DeviceView | undefined
  open: SessionRecord[] = [] // claimed here, and not over as far as is known
  readonly api: Api
  readonly pin: Pin
  // How often something came that nobody here had asked for, and the last of it.
  news: { count: number; id?: string } = { count: 0 }
  notices: Notice[] = []
  private readonly told = new Set<string>() // prompts that this page has seen
  private readonly working = new Map<string, Confirming>()
  private quiet: (() => void) | undefined // ends the listening

  constructor(
    readonly db: Database,
    readonly origin: string,
    send?: Send,
    readonly clock: Clock = serverTime,
  ) {
    super()
    this.api = new Watchful(origin, () => this.device, send, clock, (code) => this.noticed(code))
    this.pin = new Pin(db, this.api)
  }

  async start(): Promise<void> {
    this.device = await this.db.vault('device')
    this.standing = this.device?.registered ? 'ready' : 'new'
    await this.recount()
    this.changed()
    if (this.standing === 'ready') this.resume()
  }

  // register makes the device's key, once, and tells the server; repeating it
  // after a lost reply is the same registration.
  async register(name: string, platform: string): Promise<void> {
    let device = this.device
    if (!device) {
      device = { ...(await newDeviceKey()), name, registered: false }
      await this.db.write({ in: 'vault', key: 'device', put: device })
    }
    this.device = device
    this.me = await this.api.call<DeviceView>('POST', '/v1/phone/devices', { body: { name, platform } })
    if (this.me.id !== device.id) throw Problem.local('unexpected')
    this.device = { ...device, name: this.me.name || name, registered: true }
    await this.db.write({ in: 'vault', key: 'device', put: this.device })
    this.standing = 'ready'
    this.changed()
  }

  async refresh(): Promise<DeviceView> {
    this.me = await this.api.call<DeviceView>('GET', '/v1/phone/device')
    this.changed()
    return this.me
  }

  async rename(name: string): Promise<void> {
    this.me = await this.api.call<DeviceView>('PATCH', '/v1/phone/device', { body: { name } })
    this.device = { ...this.device!, name: this.me.name }
    await this.db.write({ in: 'vault', key: 'device', put: this.device })
    this.changed()
  }

  // startOver forgets everything on this phone; the next start is a first one.
  async startOver(): Promise<void> {
    this.hush()
    for (const c of this.working.values()) c.abandon()
    this.working.clear()
    await this.db.clear()
    this.device = this.me = undefined
    this.open = []
    this.standing = 'new'
    this.changed()
  }

  // scan claims the session of a link or of a typed code.
  async scan(what: { code: string } | { typed_code: string }, purpose: string | undefined): Promise<Confirming> {
    const view = await this.api.call<PhoneSession>('POST', '/v1/phone/scans', { body: what })
    if (!view.claim) throw Problem.local('unexpected')
    const now = this.clock.now()
    const { claim, ...rest } = view
    // The same code scanned again is the same session: what was signed stays.
    const before = await this.db.get('sessions', view.session)
    const record: SessionRecord = { ...before, session: view.session, claim, purpose: purpose ?? view.purpose, view: rest, startedAt: before?.startedAt ?? now, updatedAt: now }
    await this.db.write({ in: 'sessions', key: view.session, put: record })
    await this.recount()
    return this.confirming(record)
  }

  confirming(record: SessionRecord): Confirming {
    const at = this.working.get(record.session)
    if (at) return at
    const made = new Confirming(this, record)
    this.working.set(record.session, made)
    void made.begin()
    return made
  }

  // again finds a session that was begun earlier, or undefined if this phone has
  // no claim to it.
  async again(session: string): Promise<Confirming | undefined> {
    const at = this.working.get(session)
    if (at) return at
    const record = await this.db.get('sessions', session)
    return record ? this.confirming(record) : undefined
  }

  // What was signed and not answered is sent again, whatever page is shown.
  private resume(): void {
    for (const record of this.open) if (record.jws) this.confirming(record)
  }

  async keep(record: SessionRecord, ...changes: Change[]): Promise<void> {
    await this.db.write({ in: 'sessions', key: record.session, put: record }, ...changes)
    await this.recount()
  }

  // recount tells what is open, as far as this phone knows by itself.
  async recount(): Promise<void> {
    const all = await this.db.all('sessions')
    const now = this.clock.now()
    // Past its time and not signed, a session is over, whoever says so.
    this.open = all
      .filter((s) => !over(s.view.state) && (s.jws !== undefined || Date.parse(s.view.expires_at) > now))
      .sort((a, b) => b.startedAt - a.startedAt)
    const old = all.filter((s) => !this.open.includes(s)).sort((a, b) => b.startedAt - a.startedAt).slice(remembered)
    if (old.length > 0) await this.db.write(...old.map((s): Change => ({ in: 'sessions', key: s.session, put: undefined })))
    this.changed()
  }

  // listen keeps the phone's stream open: what is asked appears at once.
  listen(): void {
    if (this.device) this.quiet ??= listen(this.api, this.device.id, () => void this.prompted().catch(() => {}))
  }

  hush(): void {
    this.quiet?.()
    this.quiet = undefined
  }

  // prompted asks what this phone is asked now, and keeps it like what it scanned.
  // A push or the stream only say that it is worth asking, so a lost one is no loss.
  async prompted(): Promise<PhonePrompt[]> {
    const { items, notices } = await this.api.call<Inbox>('GET', '/v1/phone/inbox')
    this.notices = notices
    const now = this.clock.now()
    for (const p of items) {
      if (!this.told.has(p.prompt)) {
        this.told.add(p.prompt)
        this.news = { count: this.news.count + 1, id: p.prompt }
      }
      // What it was shown as stays; another tab may have kept it first.
      if (await this.db.get('sessions', p.prompt)) continue
      const record: SessionRecord = { session: p.prompt, claim: '', prompt: true, purpose: p.purpose, view: asSession(p), startedAt: now, updatedAt: now }
      await this.db.write({ in: 'sessions', key: p.prompt, put: record })
    }
    const listed = new Set(items.map((p) => p.prompt))
    await this.recount()
    for (const record of this.open) if (record.prompt && !record.jws && !listed.has(record.session)) await this.ended(record)
    return items
  }

  // inbox asks the server which sessions and prompts of this phone are open; those
  // it has ended are ended here too.
  async inbox(): Promise<SessionSummary[]> {
    const [prompts, { items: sessions }] = await Promise.all([this.prompted(), this.api.call<Page<SessionSummary>>('GET', '/v1/phone/sessions', { query: { state: 'open' } })])
    const items = [...sessions, ...prompts.map(asSummary)]
    const listed = new Set(items.filter((s) => !over(s.state)).map((s) => s.session))
    for (const record of this.open) {
      if (!listed.has(record.session) && !record.jws) await this.ended(record)
    }
    await this.recount()
    return items.filter((s) => !over(s.state))
  }

  // ended asks how a session that the server no longer lists came to its end.
  private async ended(record: SessionRecord): Promise<void> {
    const { session, claim, prompt } = record
    const path = pathOf(session, prompt === true)
    const told = prompt ? this.api.call<PhonePrompt>('GET', path).then(asSession) : this.api.call<PhoneSession>('GET', path, { claim })
    const view = await told
      .catch((): PhoneSession => ({ ...record.view, state: 'expired' }))
    const statement = record.view.statement ?? view.statement
    await this.keep({ ...record, view: { ...view, ...(statement === undefined ? {} : { statement }) } })
  }

  // history is what was scanned, page by page; with the first page comes what was
  // asked without a code lately.
  async history(cursor?: string): Promise<Page<SessionSummary>> {
    const [scanned, asked] = await Promise.all([
      this.api.call<Page<SessionSummary>>('GET', '/v1/phone/sessions', { query: { state: 'all', cursor } }),
      cursor ? undefined : this.api.call<Page<PhonePrompt>>('GET', '/v1/phone/prompts'),
    ])
    return { ...scanned, items: [...scanned.items, ...(asked?.items ?? []).map(asSummary)] }
  }

  certificates(): Promise<CertificateRecord[]> {
    return this.db.all('certificates').then((all) => all.sort((a, b) => b.addedAt - a.addedAt))
  }

  // sync brings the server's word on each certificate, and fetches those whose
  // delivery was lost on the way.
  async sync(): Promise<CertificateRecord[]> {
    const items: CertificateView[] = []
    const asked = new Map<string, AskedView>()
    for (let cursor: string | undefined, pages = 0; pages === 0 || (cursor && pages < maxPages); pages++) {
      const page: CertificatePage = await this.api.call('GET', '/v1/phone/certificates', { query: { cursor } })
      items.push(...page.items)
      for (const a of page.asked ?? []) asked.set(a.key, a)
      cursor = page.next
    }
    const records = new Map((await this.db.all('certificates')).map((r) => [r.id, r]))
    const waiting = await this.db.all('waiting')
    const changes: Change[] = []
    for (const item of items) {
      const seen = seenOf(item)
      const der = fromBase64(item.certificate)
      const id = await fingerprint(der)
      const have = records.get(id)
      if (have) {
        const twin = have.twin ?? (await twinOf(item.encryption))
        changes.push({ in: 'certificates', key: id, put: { ...have, ...(twin ? { twin } : {}), seen } })
        continue
      }
      const name = await keyNameOf(parseCertificate(der))
      const key = waiting.find((w) => w.key.name === name)
      if (!key) continue // its key is not here (any more): nothing to show for it
      const put: CertificateRecord = { id, der, chain: (item.chain ?? []).map(fromBase64), provider: item.provider ?? key.provider, keys: key.also ? [key.key, key.also] : [key.key], addedAt: this.clock.now(), seen }
      const twin = await twinOf(item.encryption, key.twin)
      if (twin) put.twin = twin
      changes.push({ in: 'certificates', key: id, put }, { in: 'waiting', key: key.session, put: undefined })
    }
    const taken = new Set(changes.map((c) => c.key))
    for (const w of waiting) {
      const said = asked.get(w.key.name)
      if (said && !taken.has(w.session)) changes.push({ in: 'waiting', key: w.session, put: { ...w, asked: said } })
    }
    if (changes.length > 0) await this.db.write(...changes)
    this.changed()
    return this.certificates()
  }

  // asked are the requests that an authority has to see to, or would not.
  asked(): Promise<WaitingKey[]> {
    return this.db.all('waiting').then((all) => all.filter((w) => w.asked !== undefined))
  }

  // dismiss forgets a request that the authority has declined, and its key.
  async dismiss(session: string): Promise<void> {
    await this.db.write({ in: 'waiting', key: session, put: undefined })
    this.changed()
  }

  // open takes the encryption key of a certificate out of its envelope.
  async openTwin(id: string, under: CryptoKey): Promise<void> {
    const record = await this.db.get('certificates', id)
    if (!record?.twin) return
    const twin = await openTwin(record.twin, record.keys, under)
    await this.db.write({ in: 'certificates', key: id, put: { ...record, twin } })
    this.changed()
  }

  // ask puts the question before this very phone, and say where.
  async ask(id: string, what: 'extend' | 'acknowledge'): Promise<string> {
    const { prompt } = await this.api.call<{ prompt: string }>('POST', `/v1/phone/certificates/${id}/${what}`, { body: {} })
    await this.prompted()
    return prompt
  }

  // bids are those encrypted to a certificate of this phone and not opened yet.
  bids(id: string): Promise<GuardView> {
    return this.api.call<GuardView>('GET', `/v1/phone/certificates/${id}/bids`)
  }

  // revoke ends a certificate of this phone for good.
  async revoke(id: string, reason: RevokeReason): Promise<void> {
    await this.api.call('POST', `/v1/phone/certificates/${id}/revoke`, { body: { reason } })
    await this.sync()
  }

  async remove(id: string): Promise<void> {
    await this.db.write({ in: 'certificates', key: id, put: undefined })
    this.changed()
  }

  private noticed(code: string): void {
    const standing = code === 'device_revoked' ? 'revoked' : code === 'device_unknown' ? 'unknown' : undefined
    if (!standing || this.standing === 'new' || this.standing === standing) return
    this.standing = standing
    this.changed()
  }
}

// seenOf is what is kept of the server's word on a certificate.
function seenOf(item: CertificateView): NonNullable<CertificateRecord['seen']> {
  const { state, account, binding, renewal, open_bids, keep_until } = item
  const told = { account, binding, renewal, open_bids, keep_until }
  return Object.assign({ state }, Object.fromEntries(Object.entries(told).filter(([, v]) => v !== undefined)))
}

// Watchful tells of refusals that concern the device as a whole.
class Watchful extends Api {
  constructor(origin: string, key: () => DeviceRecord | undefined, send: Send | undefined, clock: Clock, private readonly notice: (code: string) => void) {
    super(origin, key, send, clock)
  }

  protected override async response(method: string, path: string, options: CallOptions): Promise<Response> {
    try {
      return await super.response(method, path, options)
    } catch (e) {
      if (isProblem(e)) this.notice(e.code)
      throw e
    }
  }
}

