import { useEffect, useState } from 'preact/hooks'
import { send } from '../shared/api'
import { useLang } from '../shared/i18n'
import { Button, Icon, LangSwitch, LiveRegion, Note, Waiting, announce, type IconName } from '../shared/ui'
import { openDatabase } from './core/db'
import type { Config } from './core/model'
import { Phone } from './core/phone'
import { openDoor, shellOf } from './core/shell'
import { CertView, CertsView } from './ui/certs'
import { ConfirmView } from './ui/confirm'
import { DeviceView } from './ui/device'
import { HistoryMissing, HistoryView, InboxView, useKnownSession } from './ui/lists'
import { go, useRoute, type Route } from './ui/route'
import { ScanView } from './ui/scan'
import { PhoneContext, useOnline, usePhone, useWatched, useWhileSeen } from './ui/use'
import { Bare, Broken, Gone, Insecure, OtherOrigin, TooOld, Welcome } from './ui/welcome'
import { t } from './words/shell'

type Start = { phone: Phone } | 'starting' | 'insecure' | 'old' | 'broken'

// Decided before anything is touched: without these nothing here can work.
function able(): 'insecure' | 'old' | undefined {
  if (!globalThis.isSecureContext) return 'insecure'
  if (!globalThis.crypto?.subtle || !globalThis.indexedDB) return 'old'
  return undefined
}

export function App() {
  useLang()
  const [start, setStart] = useState<Start>(() => able() ?? 'starting')
  const [config, setConfig] = useState<Config | undefined>(undefined)

  const open = async () => {
    try {
      const phone = new Phone(await openDatabase(), location.origin)
      await phone.start()
      setStart({ phone })
    } catch {
      setStart('broken')
    }
  }
  useEffect(() => {
    if (start === 'starting') void open()
    // Which origin the server calls its own. Without a network it is asked later.
    const ask = () => send('GET', '/v1/config').then((a) => setConfig(a.body as Config), () => {})
    void ask()
    addEventListener('online', ask)
    return () => removeEventListener('online', ask)
  }, [])

  return (
    <>
      {start === 'insecure' && <Insecure />}
      {start === 'old' && <TooOld />}
      {start === 'broken' && <Broken onRetry={() => void open()} />}
      {start === 'starting' && (
        <Bare testid="starting">
          <Waiting />
        </Bare>
      )}
      {typeof start === 'object' && (
        <PhoneContext.Provider value={start.phone}>
          {config && config.origin !== location.origin ? <OtherOrigin origin={config.origin} /> : <Standing config={config} />}
        </PhoneContext.Provider>
      )}
      <LiveRegion />
    </>
  )
}

function Standing({ config }: { config: Config | undefined }) {
  const phone = usePhone()
  useWatched(phone)
  switch (phone.standing) {
    case 'new':
    case 'starting':
      return <Welcome />
    case 'unknown':
    case 'revoked':
      return <Gone why={phone.standing} />
    case 'ready':
      return <Shell config={config} />
  }
}

const tabs: { place: 'scan' | 'certs' | 'inbox' | 'history'; icon: IconName }[] = [
  { place: 'scan', icon: 'scan' },
  { place: 'certs', icon: 'certificate' },
  { place: 'inbox', icon: 'inbox' },
  { place: 'history', icon: 'history' },
]

function Shell({ config }: { config: Config | undefined }) {
  const phone = usePhone()
  const route = useRoute()
  const online = useOnline()
  useWatched(phone)
  useEffect(() => {
    phone.listen()
    return () => phone.hush()
  }, [phone])
  useEffect(() => openDoor(shellOf(phone, go)), [phone])
  // Asked as well when the app is looked at, and now and then: a phone whose stream
  // or push does not get through misses nothing.
  useWhileSeen(() => void phone.recount(), 10_000)
  useWhileSeen(() => void phone.prompted().catch(() => {}), 30_000)
  const waiting = phone.open.length
  // While a decision is asked for, the menu makes room: nothing beside it.
  const deciding = route.place === 'session'
  const here = route.place === 'session' ? 'inbox' : route.place === 'device' ? 'certs' : route.place
  useEffect(() => {
    document.title = `${waiting > 0 ? `(${waiting}) ` : ''}${t(here)} – certlink`
  })
  return (
    <div class={deciding ? 'shell shell-deciding' : 'shell'}>
      <a
        class="skip"
        href="#main"
        onClick={(e) => {
          e.preventDefault()
          document.getElementById('main')?.focus()
        }}
      >
        {t('skip')}
      </a>
      <header class="top">
        <span class="brand">certlink</span>
        <LangSwitch />
      </header>
      <main id="main" tabIndex={-1}>
        {!online && (
          <div class="offline" role="status" data-testid="offline">
            <Note tone="warn">
              <p>{t('offline')}</p>
            </Note>
          </div>
        )}
        {!deciding && <Arrived phone={phone} listed={route.place === 'inbox'} />}
        <Place route={route} config={config} />
      </main>
      {!deciding && (
        <nav class="tabs" aria-label={t('places')}>
          {tabs.map(({ place, icon }) => (
            <a key={place} href={`#/${place}`} class="tab" aria-current={here === place ? 'page' : undefined} data-testid={`tab-${place}`}>
              <span class="tab-icon">
                <Icon name={icon} />
                {place === 'inbox' && waiting > 0 && (
                  <span class="tab-badge" data-testid="inbox-badge">
                    {waiting}
                    <span class="visually-hidden">{t('inboxCount', { n: waiting })}</span>
                  </span>
                )}
              </span>
              <span>{t(place)}</span>
            </a>
          ))}
        </nav>
      )}
    </div>
  )
}

// What came while the app was open, wherever its holder is just now. Nothing opens
// by itself: a page that changes under the thumb gets a tap that was meant for
// another. Where the page lists it anyway, that is enough.
function Arrived({ phone, listed }: { phone: Phone; listed: boolean }) {
  const [seen, setSeen] = useState(0)
  const { count, id } = phone.news
  const open = id !== undefined && phone.open.some((r) => r.session === id)
  const shown = count > seen && open
  useEffect(() => {
    if (!shown) return
    announce(t('arrived'))
    if (listed) setSeen(count)
  }, [shown, id, listed])
  if (!shown || listed) return null
  return (
    <div class="arrived" data-testid="arrived">
      <Note>
        <p>{t('arrived')}</p>
        <div class="row">
          <Button kind="primary" size="small" testid="arrived-open" onClick={() => (setSeen(count), go({ place: 'session', id }))}>
            {t('arrivedOpen')}
          </Button>
          <Button size="small" onClick={() => setSeen(count)}>
            {t('arrivedLater')}
          </Button>
        </div>
      </Note>
    </div>
  )
}

function Place({ route, config }: { route: Route; config: Config | undefined }) {
  switch (route.place) {
    case 'scan':
      return <ScanView {...(route.code ? { code: route.code } : {})} />
    case 'certs':
      return route.id ? <CertView key={route.id} id={route.id} /> : <CertsView />
    case 'inbox':
      return <InboxView />
    case 'session':
      return <ConfirmView key={route.id} id={route.id!} />
    case 'history':
      return route.id ? <Entry key={route.id} id={route.id} /> : <HistoryView />
    case 'device':
      return <DeviceView config={config} />
  }
}

function Entry({ id }: { id: string }) {
  const known = useKnownSession(id)
  return known === 'missing' ? <HistoryMissing /> : known ? <ConfirmView id={id} /> : <Waiting />
}
