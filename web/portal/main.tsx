import { render } from 'preact'
import { mark } from '../shared/i18n'
import { App } from './app'

mark()
const root = document.getElementById('app')
if (root) render(<App />, root)
