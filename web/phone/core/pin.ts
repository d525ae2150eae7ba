// The PIN between phone and server: who may ask the server for the pepper, and
// what becomes of the wrapped keys when the PIN changes.
import { isProblem } from '../../shared/problem'
import type { Api } from './api'
import { fromBase64url } from './bytes'
import type { CertificateRecord, Change, Database } from './db'
import type { DeviceView } from './model'
import { newSalt, rewrap, stretch, unwrap, verifierOf, withSecret, wrappingKey, type Wrapped } from './wrap'

interface Pepper {
  pepper: string
}

export class Pin {
  constructor(
    private readonly db: Database,
    private readonly api: Api,
  ) {}

  // first sets a PIN and answers the wrapping key. A lost reply is not a lost
  // PIN: the server then says that there is one, and the same PIN opens it.
  async first(pin: string): Promise<CryptoKey> {
    // The salt is kept before the server hears of the PIN: without it the PIN
    // would be set, and no one could ever derive its verifier again.
    const stretched = await this.stretched(pin)
    const verifier = await verifierOf(stretched)
    try {
      let answer: Pepper
      try {
        answer = await this.api.call<Pepper>('POST', '/v1/phone/pin', { body: { verifier } })
        // A new pepper: whatever was wrapped under an older one stays shut.
        await this.forgetKeys()
      } catch (e) {
        if (!isProblem(e) || e.code !== 'pin_already_set') throw e
        answer = await this.api.call<Pepper>('POST', '/v1/phone/pin/unlock', { body: { verifier } })
      }
      return await wrappingKey(stretched, fromBase64url(answer.pepper))
    } finally {
      stretched.fill(0)
    }
  }

  // enter answers the wrapping key, or throws what the server said: pin_wrong with
  // the tries that are left, pin_locked.
  async enter(pin: string): Promise<CryptoKey> {
    const stretched = await this.stretched(pin)
    try {
      const body = { verifier: await verifierOf(stretched) }
      const { pepper } = await this.api.call<Pepper>('POST', '/v1/phone/pin/unlock', { body })
      return await wrappingKey(stretched, fromBase64url(pepper))
    } finally {
      stretched.fill(0)
    }
  }

  // change keeps the keys readable at every moment: each lies there under both
  // PINs while the server is asked, and afterwards under the one that it took.
  async change(from: string, to: string): Promise<void> {
    const [a, b] = [await this.stretched(from), await this.stretched(to)]
    try {
      const verifier = await verifierOf(a)
      const { pepper } = await this.api.call<Pepper>('POST', '/v1/phone/pin/unlock', { body: { verifier } })
      const [was, will] = [await wrappingKey(a, fromBase64url(pepper)), await wrappingKey(b, fromBase64url(pepper))]
      await this.rewrapAll(was, will)
      const answer = await this.api.call<Pepper>('POST', '/v1/phone/pin/change', { body: { verifier, new_verifier: await verifierOf(b) } })
      const now = answer.pepper === pepper ? will : await wrappingKey(b, fromBase64url(answer.pepper))
      if (now !== will) await this.rewrapAll(will, now)
      await this.prune(now)
    } finally {
      a.fill(0)
      b.fill(0)
    }
  }

  // reset gives up the PIN and with it every key on this phone. While bids wait for
  // them it is refused, with a list that acknowledge names.
  async reset(acknowledge?: string): Promise<DeviceView> {
    const view = await this.api.call<DeviceView>('POST', '/v1/phone/pin/reset', { body: acknowledge === undefined ? {} : { acknowledge } })
    await this.forgetKeys()
    await this.db.write({ in: 'vault', key: 'pin', put: { salt: newSalt() } })
    return view
  }

  private async stretched(pin: string) {
    let record = await this.db.vault('pin')
    if (!record) {
      record = { salt: newSalt() }
      await this.db.write({ in: 'vault', key: 'pin', put: record })
    }
    return stretch(pin, record.salt)
  }

  private async forgetKeys(): Promise<void> {
    const records = await this.db.all('certificates')
    const waiting = await this.db.all('waiting')
    await this.db.write(
      ...records.map((r): Change => ({ in: 'certificates', key: r.id, put: { ...r, keys: [], ...(r.twin ? { twin: { ...r.twin, keys: [] } } : {}) } })),
      ...waiting.map((w): Change => ({ in: 'waiting', key: w.session, put: undefined })),
    )
  }

  private async rewrapAll(from: CryptoKey, to: CryptoKey): Promise<void> {
    const changes: Change[] = []
    const both = async (keys: Wrapped[]): Promise<Wrapped[]> => {
      for (const key of keys) {
        const again = await rewrap(key, from, to).catch(() => undefined)
        if (again) return [key, again]
      }
      return keys
    }
    for (const r of await this.db.all('certificates')) {
      const put = { ...r, keys: await both(r.keys) }
      if (r.twin) put.twin = { ...r.twin, keys: await both(r.twin.keys) }
      changes.push({ in: 'certificates', key: r.id, put })
    }
    for (const w of await this.db.all('waiting')) {
      const [key, also] = await both(w.also ? [w.key, w.also] : [w.key])
      const put = { ...w, key: key!, ...(also ? { also } : {}) }
      if (w.twin) put.twin = await both(w.twin)
      changes.push({ in: 'waiting', key: w.session, put })
    }
    await this.db.write(...changes)
  }

  private async prune(under: CryptoKey): Promise<void> {
    const changes: Change[] = []
    const one = async (keys: Wrapped[]): Promise<Wrapped[]> => {
      for (const key of keys) if (await opens(key, under)) return [key]
      return keys
    }
    for (const r of await this.db.all('certificates')) {
      const put = { ...r, keys: await one(r.keys) }
      if (r.twin) put.twin = { ...r.twin, keys: await one(r.twin.keys) }
      changes.push({ in: 'certificates', key: r.id, put })
    }
    for (const w of await this.db.all('waiting')) {
      const { also, ...rest } = w
      const [key] = await one(also ? [w.key, also] : [w.key])
      const put = { ...rest, key: key! }
      if (w.twin) put.twin = await one(w.twin)
      changes.push({ in: 'waiting', key: w.session, put })
    }
    await this.db.write(...changes)
  }
}

function opens(key: Wrapped, under: CryptoKey): Promise<boolean> {
  return withSecret(key, under, async () => true).catch(() => false)
}

// openable finds the wrapping of a certificate's key that this wrapping key opens.
export async function openable(record: CertificateRecord, under: CryptoKey) {
  for (const key of record.keys) {
    try {
      ;(await unwrap(key, under)).forget()
      return key
    } catch {
      // Wrapped under the PIN before or after this one.
    }
  }
  return undefined
}
