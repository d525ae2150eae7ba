// What the phone keeps, in IndexedDB: never a PIN, never a key in clear. The
// device's private key lies there as an object that no script can read out.
import { Problem } from '../../shared/problem'
import type { Bytes } from './bytes'
import type { DeviceKey } from './dpop'
import type { AskedView, CertificateView, PhoneSession, Provider } from './model'
import type { TwinRecord } from './twin'
import type { Wrapped } from './wrap'

export interface DeviceRecord extends DeviceKey {
  name: string
  registered: boolean // false: the key is made, the server's answer not yet seen
}

export interface PinRecord {
  salt: Bytes // the device's, kept through changes of the PIN
}

export interface CertificateRecord {
  id: string // fingerprint
  der: Bytes
  chain: Bytes[]
  provider: Provider | undefined
  // Two while the PIN is being changed, none when the key is lost: a PIN that was
  // reset has taken its pepper along.
  keys: Wrapped[]
  addedAt: number
  twin?: TwinRecord // the encryption half of a pair
  // The server's last word, for the times without a network.
  seen?: Pick<CertificateView, 'state' | 'account' | 'binding' | 'renewal' | 'open_bids' | 'keep_until'>
}

// A key that is wrapped and waits for its certificate.
export interface WaitingKey {
  session: string
  key: Wrapped
  also?: Wrapped // under the other PIN, while it is being changed
  twin?: Wrapped[] // the encryption key that goes with it
  provider: Provider | undefined
  // The server's last word on a request that an authority has to see to.
  asked?: AskedView
}

export interface SessionRecord {
  session: string
  claim: string // empty for what was asked without a code
  prompt?: true // asked without a code
  purpose: string // as scanned: the statement must agree
  view: PhoneSession // as the server last told it
  startedAt: number
  updatedAt: number
  jws?: string // signed, and its answer not yet seen
  certificate?: string // which one signed
  notMe?: boolean
}

export interface Stores {
  vault: { device: DeviceRecord; pin: PinRecord }
  certificates: CertificateRecord
  waiting: WaitingKey
  sessions: SessionRecord
}

type Keyed = 'certificates' | 'waiting' | 'sessions'

export type Change =
  | { in: 'vault'; key: 'device'; put: DeviceRecord }
  | { in: 'vault'; key: 'pin'; put: PinRecord }
  | { in: 'certificates'; key: string; put: CertificateRecord | undefined }
  | { in: 'waiting'; key: string; put: WaitingKey | undefined }
  | { in: 'sessions'; key: string; put: SessionRecord | undefined }

export interface Database {
  vault<K extends keyof Stores['vault']>(key: K): Promise<Stores['vault'][K] | undefined>
  get<S extends Keyed>(store: S, key: string): Promise<Stores[S] | undefined>
  all<S extends Keyed>(store: S): Promise<Stores[S][]>
  // All or nothing; keys and signatures are on the disk when it returns.
  write(...changes: Change[]): Promise<void>
  clear(): Promise<void>
}

const stores = ['vault', 'certificates', 'waiting', 'sessions'] as const

export async function openDatabase(name = 'certlink-phone'): Promise<Database> {
  const asked = indexedDB.open(name, 1)
  asked.onupgradeneeded = () => stores.forEach((s) => asked.result.createObjectStore(s))
  const db = await done(asked)
  // A newer version of the app in another tab must be able to change the form.
  db.onversionchange = () => db.close()
  const read = <T>(store: string, ask: (s: IDBObjectStore) => IDBRequest<T>) => done(ask(db.transaction(store).objectStore(store)))
  return {
    vault: (key) => read('vault', (s) => s.get(key)),
    get: (store, key) => read(store, (s) => s.get(key)),
    all: (store) => read(store, (s) => s.getAll()),
    write: (...changes) => transact(db, changes.some(precious), (s) => changes.forEach((c) => (c.put === undefined ? s(c.in).delete(c.key) : s(c.in).put(c.put, c.key)))),
    clear: () => transact(db, true, (s) => stores.forEach((name) => s(name).clear())),
  }
}

// A wrapped key must be on the disk before its certificate is asked for, and a
// signature before it is sent. How a session stands can be asked again.
function precious(c: Change): boolean {
  return c.in !== 'sessions' || c.put?.jws !== undefined
}

function transact(db: IDBDatabase, strict: boolean, run: (store: (name: string) => IDBObjectStore) => void): Promise<void> {
  return new Promise((ok, no) => {
    const t = db.transaction(stores, 'readwrite', { durability: strict ? 'strict' : 'default' })
    t.oncomplete = () => ok()
    t.onabort = () => no(notKept())
    run((name) => t.objectStore(name))
  })
}

function notKept(): Problem {
  return new Problem({
    code: 'storage_failed',
    title_zh: '手机没有保存成功，可能是存储空间不足。请清理空间后重试；在此之前不会提交任何内容。',
    title_en: 'The phone could not save this; its storage may be full. Free some space and try again. Nothing is submitted until then.',
  })
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((ok, no) => {
    request.onsuccess = () => ok(request.result)
    request.onerror = () => no(request.error ?? new Error('IndexedDB'))
  })
}
