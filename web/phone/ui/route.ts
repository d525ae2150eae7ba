// Places of the app, behind the # so that the server knows only one page and
// never sees what stands there.
import { useEffect, useState } from 'preact/hooks'

export interface Route {
  place: 'scan' | 'certs' | 'inbox' | 'history' | 'session' | 'device'
  id?: string
  code?: string // a link from the landing page
}

export function routeOf(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2)
  const [place, id] = path.split('/', 2)
  const name = id === undefined ? undefined : decode(id)
  switch (place) {
    case 'certs':
    case 'history':
      return name ? { place, id: name } : { place }
    case 'session':
      return name ? { place, id: name } : { place: 'inbox' }
    case 'inbox':
    case 'device':
      return { place }
  }
  const code = new URLSearchParams(query).get('code')
  return code ? { place: 'scan', code } : { place: 'scan' }
}

// A broken escape in an address somebody made up leads nowhere, and breaks nothing.
function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export function hrefOf(route: Route): string {
  return `#/${route.place}${route.id ? '/' + encodeURIComponent(route.id) : ''}`
}

export function go(route: Route, replace = false): void {
  if (replace) {
    history.replaceState(null, '', hrefOf(route))
    dispatchEvent(new HashChangeEvent('hashchange'))
  } else location.hash = hrefOf(route)
}

export function useRoute(): Route {
  const [route, setRoute] = useState(() => routeOf(location.hash))
  useEffect(() => {
    const moved = () => setRoute(routeOf(location.hash))
    addEventListener('hashchange', moved)
    moved() // what changed since it was first read
    return () => removeEventListener('hashchange', moved)
  }, [])
  return route
}
