// Keeps the app itself for times without a network: its page, scripts, styles,
// icons. Never an answer of the server; those are asked anew each time.
export {}

declare const SHELL: string[]
declare const VERSION: string

// The little of a worker's own types that is needed; the whole of them would
// clash with the page's.
interface Extendable extends Event {
  waitUntil(p: Promise<unknown>): void
}
interface Fetching extends Extendable {
  request: Request
  respondWith(r: Promise<Response>): void
}
interface Scope {
  addEventListener(type: 'install' | 'activate', run: (e: Extendable) => void): void
  addEventListener(type: 'fetch', run: (e: Fetching) => void): void
  clients: { claim(): Promise<void> }
}

const kept = `certlink-phone-${VERSION}`
const scope = globalThis as unknown as Scope

scope.addEventListener('install', (e) => {
  // reload: past the browser's own cache, or an update could keep an old page.
  e.waitUntil(caches.open(kept).then((c) => c.addAll(SHELL.map((path) => new Request(path, { cache: 'reload' })))))
})

scope.addEventListener('activate', (e) => {
  e.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((n) => n.startsWith('certlink-phone-') && n !== kept).map((n) => caches.delete(n))))
      .then(() => scope.clients.claim()),
  )
})

scope.addEventListener('fetch', (e) => {
  const { request } = e
  const url = new URL(request.url)
  if (request.method !== 'GET' || url.origin !== location.origin || !url.pathname.startsWith('/phone/')) return
  if (request.mode === 'navigate') {
    // The server's page first: a new version is there with the next start.
    e.respondWith(fetch(request).catch(() => caches.match('/phone/').then((page) => page ?? Response.error())))
    return
  }
  if (SHELL.includes(url.pathname)) e.respondWith(caches.match(request).then((have) => have ?? fetch(request)))
})
