// One session from the scan to its end: the new key where one is asked for, the
// statement, the signature, and the answer, through lost replies and reloads.
import { asProblem, Problem } from '../../shared/problem'
import { base64, fromBase64, fromBase64url } from './bytes'
import { certificateRequest, commonNameOf } from './csr'
import type { CertificateRecord, SessionRecord, WaitingKey } from './db'
import { newKey, p256Signer, type FreshKey } from './keys'
import { signWithCertificate, signWithDevice } from './jws'
import { over, type PhoneSession, type EncryptionView, type Provider, type RejectReason } from './model'
import type { Phone } from './phone'
import { asSession, pathOf, type PhonePrompt } from './prompts'
import { checkStatement, readStatement, StatementError, type Refusal, type Statement } from './statement'
import { newTwin, openTwin, twinOf, wrapTwin, type FreshTwin } from './twin'
import { Watched } from './watched'
import { unwrap, wrap } from './wrap'
import { fingerprint, keyNameOf, parseCertificate } from './x509'

export type Phase =
  | { name: 'preparing' }
  | { name: 'stuck'; problem: Problem } // preparing failed; may be tried again
  | { name: 'unlock' } // the key to be kept makes the request, so it is opened first
  | { name: 'ask' }
  | { name: 'refused'; code: Refusal | 'purpose_unknown' } // this app will not sign it
  | { name: 'lost' } // the new key was lost with the page; only a new start helps
  | { name: 'working'; step: 'signing' | 'match' | 'sending' | 'acting'; offline: boolean }
  | { name: 'over' }

// What this app knows to put into words. Anything else it refuses to sign.
export const knownPurposes = ['bind', 'enroll', 'extend', 'acknowledge']

export class Confirming extends Watched {
  phase: Phase = { name: 'preparing' }
  statement: Statement | undefined
  problem: Problem | undefined // why the last act of the holder came to nothing
  offline = false // the last look at the session did not reach the server
  keyNotOurs = false // a certificate came whose key is another's
  private fresh: FreshKey | undefined // until it is wrapped
  private kept: CertificateRecord | undefined // whose key stays
  private second: FreshTwin | undefined // likewise, of an encryption certificate
  private under: CryptoKey | undefined // while an envelope may come back
  private csr: string | undefined
  private waiting: WaitingKey | undefined // from then on
  private timer: ReturnType<typeof setTimeout> | undefined
  private ended = false

  constructor(
    private readonly phone: Phone,
    private record: SessionRecord,
  ) {
    super()
  }

  get id(): string {
    return this.record.session
  }
  get view(): PhoneSession {
    return this.record.view
  }
  get purpose(): string {
    return this.statement?.purpose ?? this.record.purpose
  }
  get notMeSaid(): boolean {
    return this.record.notMe === true
  }
  get signedWith(): string | undefined {
    return this.record.certificate
  }

  // The provider whose certificates may sign, or will issue.
  // What is signed says which; the session only knows its names.
  get provider(): Provider | undefined {
    const d = this.statement?.details
    if (!d?.provider || d.provider === this.view.provider?.id) return this.view.provider
    const name = d.provider_name ?? d.provider
    return { id: d.provider, name_zh: name, name_en: name }
  }

  private get keyName(): string | undefined {
    return this.waiting?.key.name ?? this.fresh?.name ?? (this.kept && this.view.key_request?.keep)
  }

  async begin(): Promise<void> {
    this.phase = { name: 'preparing' }
    this.changed()
    this.waiting = await this.phone.db.get('waiting', this.id)
    if (over(this.view.state)) return this.end()
    if (!knownPurposes.includes(this.record.purpose)) return this.refuse('purpose_unknown')
    try {
      if (this.record.jws) {
        this.read()
        return void this.send()
      }
      if (this.view.statement === undefined || this.view.key_request) await this.prepare()
      if (this.phase.name !== 'preparing') return
      this.read()
      this.phase = { name: 'ask' }
      this.changed()
      this.look(1500)
    } catch (e) {
      if (e instanceof StatementError) this.refuse(e.code)
      else {
        this.phase = { name: 'stuck', problem: asProblem(e) }
        this.changed()
      }
    }
  }

  // prepare hands in a new key, or brings the statement of a session begun before.
  private async prepare(): Promise<void> {
    if (this.view.statement === undefined) await this.take(await this.ask())
    if (over(this.view.state)) return this.end()
    const want = this.view.key_request
    if (!want) return
    if (want.keep !== undefined) return this.prepareKept(want.keep, want.encryption_key === true && want.algorithm === 'ES256')
    if (this.view.statement !== undefined && this.keyName === undefined) {
      // The statement names a key that only lived in memory.
      this.phase = { name: 'lost' }
      this.changed()
      return this.look(2000)
    }
    if (this.view.statement === undefined) {
      this.fresh ??= await newKey(want.algorithm)
      // Made once: after a lost reply the server takes the same request only.
      if (want.encryption_key && want.algorithm === 'ES256') this.second ??= await newTwin()
      this.csr ??= base64(await certificateRequest(this.fresh, commonNameOf(want.subject), this.second?.spki))
      await this.take(await this.call('PUT', '/key', { csr: this.csr }))
    }
  }

  // prepareKept hands in a request by a key that this phone has. It lies under the PIN.
  private async prepareKept(name: string, pair: boolean): Promise<void> {
    this.kept ??= (await this.phone.certificates()).find((r) => r.keys.some((k) => k.name === name))
    if (!this.kept) throw keyUnreadable()
    if (this.view.statement !== undefined) {
      if (!pair || this.second || this.waiting) return
      this.phase = { name: 'lost' } // the encryption key of the pair only lived in memory
    } else if (this.csr === undefined) this.phase = { name: 'unlock' }
    else return this.take(await this.call('PUT', '/key', { csr: this.csr }))
    this.changed()
    this.look(2000)
  }

  // unlock makes the request with the key to be kept, and goes on. under is what the
  // PIN has opened.
  async unlock(under: CryptoKey): Promise<void> {
    const want = this.view.key_request
    if (this.phase.name !== 'unlock' || !this.kept || !want) return
    this.stop()
    try {
      const signer = await this.opened(this.kept, under)
      try {
        if (want.encryption_key && want.algorithm === 'ES256') this.second ??= await newTwin()
        const { spki } = parseCertificate(this.kept.der)
        this.csr = base64(await certificateRequest({ algorithm: signer.algorithm, spki, sign: (m) => signer.sign(m) }, commonNameOf(want.subject), this.second?.spki))
      } finally {
        signer.forget()
      }
    } catch (e) {
      this.phase = { name: 'stuck', problem: asProblem(e) }
      return this.changed()
    }
    await this.begin()
  }

  private read(): void {
    if (this.view.statement === undefined) throw new StatementError('statement_malformed')
    let bytes
    try {
      bytes = fromBase64url(this.view.statement)
    } catch {
      throw new StatementError('statement_malformed')
    }
    const statement = readStatement(bytes)
    if (!this.record.jws) this.check(statement)
    this.statement = statement
  }

  private check(statement: Statement): void {
    const keyName = this.keyName
    checkStatement(statement, {
      audience: this.phone.origin,
      purpose: this.record.purpose,
      now: this.phone.clock.now(),
      ...(keyName === undefined ? {} : { keyName }),
    })
  }

  private refuse(code: Refusal | 'purpose_unknown'): void {
    this.phase = { name: 'refused', code }
    this.changed()
    this.look(2000)
  }

  // candidates are the certificates on this phone that may sign this.
  async candidates(): Promise<CertificateRecord[]> {
    const provider = this.provider?.id
    // What is about one certificate only that one can sign.
    const named = this.purpose === 'bind' ? undefined : this.statement?.details.certificate
    const now = this.phone.clock.now()
    const fit: CertificateRecord[] = []
    for (const r of await this.phone.certificates()) {
      if (named !== undefined && r.id !== named) continue
      if (r.keys.length === 0 || r.provider?.id !== provider || (r.seen && r.seen.state !== 'active')) continue
      const c = parseCertificate(r.der)
      if (c.notBefore <= now && now < c.notAfter) fit.push(r)
    }
    return fit
  }

  // confirm signs, keeps what it signed, and sees it through. under is what the
  // PIN has opened. It returns when signed; phase tells the rest.
  async confirm(under: CryptoKey, with_: CertificateRecord | undefined): Promise<void> {
    if (this.phase.name !== 'ask' || !this.statement) return
    this.stop()
    this.problem = undefined
    this.phase = { name: 'working', step: 'signing', offline: false }
    this.changed()
    try {
      this.check(this.statement)
      await this.sign(under, with_)
    } catch (e) {
      if (e instanceof StatementError) return this.refuse(e.code)
      return this.back(asProblem(e))
    }
    void this.send()
  }

  private async sign(under: CryptoKey, with_: CertificateRecord | undefined): Promise<void> {
    const bytes = this.statement!.bytes
    if (this.view.signed_by === 'device') {
      const device = this.phone.device
      if (!device) throw new StatementError('statement_key')
      const waiting = this.waiting ?? (await this.wrapped(under))
      const jws = await signWithDevice(p256Signer(device.privateKey), device.jwk, bytes)
      // The key lies there before its certificate is asked for: one for a key that
      // was lost would be worth nothing.
      await this.keep({ ...this.record, jws }, waiting)
      this.waiting = waiting
      this.under = under
      this.forget()
      return
    }
    if (!with_) throw new StatementError('statement_key')
    const signer = await this.opened(with_, under)
    try {
      // An extension brings a certificate for a new key; it is kept like that of
      // an enrolment.
      const waiting = this.view.key_request ? (this.waiting ?? (await this.wrapped(under))) : undefined
      const jws = await signWithCertificate(signer, [with_.der, ...with_.chain], bytes)
      await this.keep({ ...this.record, jws, certificate: with_.id }, ...(waiting ? [waiting] : []))
      if (waiting) {
        this.waiting = waiting
        this.under = under
        this.forget()
      }
    } finally {
      signer.forget()
    }
  }

  private async wrapped(under: CryptoKey): Promise<WaitingKey> {
    if (this.kept) {
      const [key, also] = this.kept.keys // as they lie there already
      return { session: this.id, key: key!, ...(also ? { also } : {}), ...(this.second ? { twin: [await wrapTwin(this.second, under)] } : {}), provider: this.provider }
    }
    if (!this.fresh) throw new StatementError('statement_key')
    const key = await wrap(this.fresh, under)
    ;(await unwrap(key, under)).forget() // it opens again, or it is not relied on
    return { session: this.id, key, ...(this.second ? { twin: [await wrapTwin(this.second, under)] } : {}), provider: this.provider }
  }

  private async opened(record: CertificateRecord, under: CryptoKey) {
    for (const key of record.keys) {
      try {
        return await unwrap(key, under)
      } catch {
        // Under the PIN before or after a change: the next one.
      }
    }
    throw keyUnreadable()
  }

  // send repeats the confirmation until there is an answer. It is idempotent: a
  // repeated one is answered like the first.
  private async send(): Promise<void> {
    for (let lost = 0; !this.ended; ) {
      const { match } = this.view
      try {
        if (match?.required && !match.done && this.view.state === 'scanned') {
          this.work('match', lost > 0)
          await pause(lost > 0 ? backoff(lost) : 1200)
          await this.take(await this.ask())
          lost = 0
          if (over(this.view.state)) return this.end()
          if (!this.view.match?.done && this.view.state === 'scanned') continue
        }
        this.work(this.view.state === 'accepted' ? 'acting' : 'sending', lost > 0)
        if (this.view.state === 'accepted') {
          await pause(1500)
          await this.take(await this.ask())
        } else {
          const answer = await this.call('POST', '/confirm', { jws: this.record.jws })
          await this.take(answer)
        }
        lost = 0
        if (over(this.view.state)) return this.end()
      } catch (e) {
        const problem = asProblem(e)
        if (problem.code === 'match_pending') {
          await this.take({ ...this.view, match: { ...this.view.match, required: true, done: false } })
          continue
        }
        if (problem.passing) {
          lost++
          this.work(match?.required && !match.done ? 'match' : 'sending', true)
          await pause(Math.max((problem.retryAfter ?? 0) * 1000, backoff(lost)))
          continue
        }
        return this.refusedByServer(problem)
      }
    }
  }

  // A refusal is final for the signature, not always for the session: another
  // certificate may do. The server is asked which it is.
  private async refusedByServer(problem: Problem): Promise<void> {
    const { jws, certificate: _, ...rest } = this.record
    this.record = rest
    try {
      await this.take(await this.ask())
    } catch (e) {
      await this.takeEnd(asProblem(e), jws)
    }
    await this.keep(this.record)
    if (over(this.view.state)) {
      this.problem = problem
      return this.end()
    }
    this.back(problem)
  }

  private back(problem: Problem): void {
    this.problem = problem
    this.phase = { name: 'ask' }
    this.changed()
    this.look(1500)
  }

  async reject(reason: RejectReason, text?: string): Promise<void> {
    await this.refusal('/reject', text ? { reason, text } : { reason }, false)
  }

  async notMe(): Promise<void> {
    await this.refusal('/not-me', {}, true)
  }

  private async refusal(path: string, body: object, notMe: boolean): Promise<void> {
    this.stop()
    this.problem = undefined
    try {
      const answer = await this.call('POST', path, body)
      this.record = { ...this.record, ...(notMe ? { notMe } : {}) }
      await this.take(answer)
      if (over(this.view.state)) return await this.end()
      this.look(1500)
    } catch (e) {
      this.problem = asProblem(e)
      this.changed()
      this.look(500)
      throw this.problem
    }
  }

  // leave stops looking; the session stays open and can be come back to.
  leave(): void {
    this.stop()
  }

  // abandon stops everything: the phone itself is being forgotten.
  abandon(): void {
    this.stop()
    this.ended = true
    this.forget()
  }

  private forget(): void {
    this.fresh?.forget()
    this.fresh = this.second = undefined
  }

  // resume takes up looking where leave stopped.
  resume(): void {
    if (this.undecided) this.look(0)
  }

  private get undecided(): boolean {
    return ['unlock', 'ask', 'refused', 'lost'].includes(this.phase.name)
  }

  private stop(): void {
    clearTimeout(this.timer)
    this.timer = undefined
  }

  // look asks now and then how the session stands: digits typed, cancelled, expired.
  private look(in_: number): void {
    this.stop()
    this.timer = setTimeout(async () => {
      try {
        const answer = await this.ask()
        if (this.timer === undefined) return // something else has begun meanwhile
        this.offline = false
        await this.take(answer)
      } catch (e) {
        if (this.timer === undefined) return
        const problem = asProblem(e)
        this.offline = problem.passing
        await this.takeEnd(problem)
        if (!problem.passing && !over(this.view.state)) this.problem = problem
      }
      if (over(this.view.state)) return void this.end()
      if (!this.undecided) return
      this.changed()
      this.look(this.offline ? 4000 : 2000)
    }, in_)
  }

  private ask(): Promise<PhoneSession> {
    return this.call('GET', '')
  }

  // take keeps what the server says, but for the statement: the first one stays.
  private async take(answer: PhoneSession): Promise<void> {
    const { claim: _, ...said } = answer
    const statement = this.view.statement ?? said.statement
    const view: PhoneSession = { ...said, ...(statement === undefined ? {} : { statement }) }
    if (JSON.stringify(view) !== JSON.stringify(this.view)) await this.keep({ ...this.record, view })
  }

  // takeEnd reads from a refusal that, and how, the session has ended. One that is
  // gone after it was signed may have ended either way: that is said, not guessed.
  private async takeEnd(problem: Problem, jws = this.record.jws): Promise<void> {
    const told = problem.extra['state']
    if (['session_over', 'prompt_over'].includes(problem.code) && typeof told === 'string' && over(told)) await this.take({ ...this.view, state: told as PhoneSession['state'] })
    else if (['session_expired', 'prompt_expired'].includes(problem.code)) await this.take({ ...this.view, state: 'expired' })
    else if (['session_unknown', 'claim_invalid', 'prompt_unknown'].includes(problem.code)) await this.take({ ...this.view, state: jws ? 'unknown' : 'expired' })
  }

  private async keep(record: SessionRecord, waiting?: WaitingKey | 'drop'): Promise<void> {
    this.record = { ...record, updatedAt: this.phone.clock.now() }
    if (waiting === undefined) await this.phone.keep(this.record)
    else await this.phone.keep(this.record, { in: 'waiting', key: this.id, put: waiting === 'drop' ? undefined : waiting })
  }

  private work(step: 'match' | 'sending' | 'acting', offline: boolean): void {
    if (this.phase.name === 'working' && this.phase.step === step && this.phase.offline === offline) return
    this.phase = { name: 'working', step, offline }
    this.changed()
  }

  private async end(): Promise<void> {
    this.stop()
    this.ended = true
    if (this.statement === undefined && this.view.statement !== undefined) {
      try {
        this.statement = readStatement(fromBase64url(this.view.statement))
      } catch {
        // Nothing to show then but how it ended.
      }
    }
    await this.collect()
    this.under = undefined
    this.forget()
    this.phase = { name: 'over' }
    this.changed()
  }

  // collect puts a delivered certificate beside its key, in one write with the
  // end of the session; after any other end the waiting key is of no use.
  private async collect(): Promise<void> {
    const { jws: _, ...done } = this.record
    const result = this.view.result
    const { waiting } = this
    // Nothing waits, or the server may still know of a certificate: sync finds it.
    if (!waiting || this.view.state === 'unknown') return this.keep(done)
    if (this.view.state !== 'confirmed') return this.keep(done, 'drop')
    if (result?.kind === 'request') return this.keep(done) // sync finds the certificate
    const put = result?.kind === 'certificate' && (await certificateOf(result, waiting, this.phone.clock.now(), waiting.provider ?? this.provider, this.under))
    this.under = undefined
    if (!put) {
      this.keyNotOurs = true
      return this.keep(done)
    }
    this.waiting = undefined
    this.record = done
    await this.phone.keep({ ...done, updatedAt: this.phone.clock.now() }, { in: 'certificates', key: put.id, put }, { in: 'waiting', key: this.id, put: undefined })
  }

  // call asks something of this session, or of this prompt, which has no claim.
  private async call(method: string, rest: string, body?: object): Promise<PhoneSession> {
    const { prompt, claim } = this.record
    const path = pathOf(this.id, prompt === true) + rest
    const options = body === undefined ? {} : { body }
    if (prompt) return asSession(await this.phone.api.call<PhonePrompt>(method, path, options))
    return this.phone.api.call<PhoneSession>(method, path, { claim, ...options })
  }
}

// certificateOf makes the record, if the certificate really is for our key.
async function certificateOf(result: { certificate: string; chain?: string[]; encryption?: EncryptionView }, waiting: WaitingKey, now: number, provider: Provider | undefined, under: CryptoKey | undefined): Promise<CertificateRecord | undefined> {
  try {
    const der = fromBase64(result.certificate)
    const { key, also } = waiting
    if ((await keyNameOf(parseCertificate(der))) !== key.name) return undefined
    let twin = await twinOf(result.encryption, waiting.twin)
    // An envelope that does not open stays as it is: it can be tried again.
    if (twin && under) twin = await openTwin(twin, [key], under).catch(() => twin)
    return { id: await fingerprint(der), der, chain: (result.chain ?? []).map(fromBase64), provider, keys: also ? [key, also] : [key], addedAt: now, ...(twin ? { twin } : {}), seen: { state: 'active' } }
  } catch {
    return undefined
  }
}

const keyUnreadable = () =>
  new Problem({
    code: 'key_unreadable',
    title_zh: '这张证书的密钥无法打开，可能是 PIN 码曾被重设。请重新领取证书。',
    title_en: 'The key of this certificate does not open; the PIN may have been reset since. Collect a new certificate.',
  })

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms))

// backoff doubles from one second to fifteen, with a third of chance in it, so that
// many phones do not come back at once.
function backoff(lost: number): number {
  const base = Math.min(15_000, 1000 * 2 ** (lost - 1))
  return base * (0.83 + Math.random() / 3)
}

