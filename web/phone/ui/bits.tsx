// Small parts that several views share.
import type { ComponentChildren } from 'preact'
import { either } from '../../shared/i18n'
import { Icon } from '../../shared/ui'
import type { Provider } from '../core/model'
import { visible } from '../core/statement'
import { t as confirmWords } from '../words/confirm'
import { t } from '../words/shell'
import { go, type Route } from './route'
import { useHeading } from './use'

export function Head(p: { title: string; backTo?: Route | (() => void); backText?: string; children?: ComponentChildren }) {
  const heading = useHeading(p.title)
  const { backTo } = p
  return (
    <div class="view-head">
      {backTo && (
        <button type="button" class="icon-button" aria-label={p.backText ?? t('back')} data-testid="back" onClick={() => (typeof backTo === 'function' ? backTo() : go(backTo))}>
          <Icon name="chevron" class="icon-back" />
        </button>
      )}
      <h1 ref={heading} tabIndex={-1}>
        {p.title}
      </h1>
      {p.children}
    </div>
  )
}

// A text that came from elsewhere: what works unseen is made visible, and its
// direction of writing does not reach its neighbours.
export function Text(p: { children: string; testid?: string; class?: string }) {
  return (
    <bdi class={p.class} data-testid={p.testid}>
      {visible(p.children)}
    </bdi>
  )
}

export function providerName(p: Provider | undefined): string {
  return p ? either(p.name_zh, p.name_en) || p.id : ''
}

export function stateWord(state: string): string {
  const key = `state_${state}`
  return confirmWords.has(key) ? confirmWords(key) : visible(state)
}

export function purposeWord(purpose: string): string {
  return purpose === 'bind' ? confirmWords('bindVerb') : purpose === 'enroll' ? confirmWords('enrollVerb') : purpose === 'extend' ? confirmWords('extendVerb') : purpose === 'acknowledge' ? confirmWords('acknowledgeVerb') : `${confirmWords('other')} (${visible(purpose)})`
}
