import { render } from 'preact'
import { mark } from '../shared/i18n'
import { App } from './app'

mark()
const root = document.getElementById('app')
if (root) render(<App />, root)

// The app itself is kept for times without a network; a browser that does not
// do this only needs one.
navigator.serviceWorker?.register('/phone/sw.js', { scope: '/phone/' }).catch(() => {})
