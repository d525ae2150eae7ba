// The frame of every page: the top bar with organisation and account, the menu
// of the manual on the left, where one is, and the page.
import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { announce, Button, Icon, type IconName, LangSwitch, ProblemNote, focusable } from '../shared/ui'
import { type Problem, asProblem } from '../shared/problem'
import type { Role } from '../shared/model'
import { type Place, allowed, href } from './router'
import { signOut, useApp } from './state'
import { usePageTitle } from './title'
import { w } from './words'

type Key = Place | 'desk' | 'system' | 'ca' | 'operator'

interface Node {
  key: Key
  icon?: IconName
  children?: Node[]
  // In the trail, not in the menu: it is about one thing, and reached from there.
  hidden?: boolean
}

const tree: Node[] = [
  { key: 'desk', children: [{ key: 'system', children: [{ key: 'ca', icon: 'certificate', children: [{ key: 'bindings' }, { key: 'apply' }, { key: 'certificates' }, { key: 'renew' }, { key: 'cashier' }, { key: 'invoice', hidden: true }] }] }] },
  { key: 'operator', children: [{ key: 'organisations', icon: 'office' }, { key: 'accounts', icon: 'user' }, { key: 'audit', icon: 'history' }, { key: 'messages', icon: 'inbox' }] },
  { key: 'review', icon: 'inbox' },
  { key: 'issuing', icon: 'certificate' },
  { key: 'reviewRenewals', icon: 'user' },
  { key: 'reviewTokens', icon: 'clock' },
  { key: 'reviewPayments', icon: 'inbox' },
  { key: 'reviewInvoices', icon: 'inbox' },
  { key: 'integrator', icon: 'link' },
  { key: 'downloads', icon: 'download' },
  { key: 'phones', icon: 'phone' },
  { key: 'account', icon: 'lock' },
]

// Of the operator's pages an organisation's admin has one, which needs no heading.
function treeOf(roles: Role[]): Node[] {
  if (roles.includes('operator')) return tree
  return tree.map((n) => (n.key === 'operator' ? { key: 'accounts', icon: 'user' } : n))
}

function trail(place: Place, nodes: Node[]): Key[] {
  for (const n of nodes) {
    if (n.key === place) return [n.key]
    const inside = n.children ? trail(place, n.children) : []
    if (inside.length > 0) return [n.key, ...inside]
  }
  return []
}

function Branch({ nodes, place, depth }: { nodes: Node[]; place: Place | 'unknown'; depth: number }) {
  const { session } = useApp()
  const roles = session?.account.roles ?? []
  const shown = nodes.filter((n) => !n.hidden && (n.children ? n.children.some((c) => (c.children ? visible(c) : allowed(c.key as Place, roles))) : allowed(n.key as Place, roles)))
  function visible(n: Node): boolean {
    return n.children ? n.children.some(visible) : allowed(n.key as Place, roles)
  }
  return (
    <ul role="list" class={`nav-list nav-depth-${depth}`}>
      {shown.map((n) => (
        <li key={n.key}>
          {n.children ? (
            <>
              <span class="nav-group">
                {n.icon && <Icon name={n.icon} />}
                {w(n.key)}
              </span>
              <Branch nodes={n.children} place={place} depth={depth + 1} />
            </>
          ) : (
            <a class="nav-link" href={href(n.key as Place)} aria-current={n.key === place ? 'page' : undefined} data-testid={`nav-${n.key}`}>
              {n.icon && <Icon name={n.icon} />}
              {w(n.key)}
            </a>
          )}
        </li>
      ))}
    </ul>
  )
}

export function Layout({ place, children }: { place: Place | 'unknown'; children: ComponentChildren }) {
  const { session, config, offline } = useApp()
  const [menu, setMenu] = useState(false)
  const [leaving, setLeaving] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const main = useRef<HTMLElement>(null)
  const side = useRef<HTMLElement>(null)
  const toggle = useRef<HTMLButtonElement>(null)
  const first = useRef(true)
  const wasOffline = useRef(false)
  usePageTitle(place === 'unknown' ? w('notFound') : w(place))

  // A new page begins at its heading, for the eye and for the screen reader.
  useEffect(() => {
    setMenu(false)
    if (first.current) {
      first.current = false
      return
    }
    main.current?.focus()
    scrollTo(0, 0)
  }, [place])

  useEffect(() => {
    if (offline) announce(w('offline'), true)
    else if (wasOffline.current) announce(w('online'))
    wasOffline.current = offline
  }, [offline])

  const closeMenu = () => {
    setMenu(false)
    toggle.current?.focus()
  }
  useEffect(() => {
    if (menu && side.current) focusable(side.current)[0]?.focus()
  }, [menu])

  // On a narrow screen the open menu lies over the page: the keyboard stays in it.
  const menuKeys = (e: KeyboardEvent) => {
    if (!menu || !side.current) return
    if (e.key === 'Escape') closeMenu()
    if (e.key !== 'Tab') return
    const all = focusable(side.current)
    const edge = e.shiftKey ? all[0] : all[all.length - 1]
    if (document.activeElement === edge) {
      e.preventDefault()
      ;(e.shiftKey ? all[all.length - 1] : all[0])?.focus()
    }
  }

  const leave = async () => {
    setLeaving(true)
    setProblem(undefined)
    try {
      await signOut()
    } catch (e) {
      setProblem(asProblem(e))
      setLeaving(false)
    }
  }

  const account = session?.account
  const nodes = treeOf(account?.roles ?? [])
  const steps = place === 'unknown' ? [] : trail(place, nodes)
  return (
    <div class="frame">
      <a class="skip" href="#main" onClick={(e) => (e.preventDefault(), main.current?.focus())}>
        {w('skip')}
      </a>
      <header class="head">
        <div class="top">
          <button ref={toggle} type="button" class="top-menu" aria-expanded={menu} aria-controls="side" aria-label={w('menu')} onClick={() => setMenu(!menu)} data-testid="menu">
            <Icon name="menu" />
          </button>
          <span class="brand">
            <Mark />
            <span class="brand-name">certlink</span>
          </span>
          <span class="top-space" />
          {account && (
            <span class="who">
              <span class="who-org">{account.organisation?.name}</span>
              <span class="who-name">
                <span class="visually-hidden">{w('signedInAs')} </span>
                {account.name}{' '}
                <span class="who-login">{account.login}</span>
              </span>
            </span>
          )}
          <LangSwitch />
          <Button size="small" onClick={() => void leave()} busy={leaving} testid="sign-out">
            {w('signOut')}
          </Button>
        </div>
        {config?.demo && (
          <p class="demo" data-testid="demo-banner">
            <strong>{w('demo')}</strong>
            <span>{w('demoText')}</span>
          </p>
        )}
        {offline && (
          <p class="offline-bar" data-testid="offline-bar">
            <Icon name="offline" />
            {w('offline')}
          </p>
        )}
      </header>
      <div class="middle">
        {menu && <div class="side-veil" onClick={closeMenu} />}
        <nav id="side" ref={side} class={menu ? 'side side-open' : 'side'} aria-label={w('nav')} onKeyDown={menuKeys}>
          <button type="button" class="side-close" aria-label={w('closeMenu')} onClick={closeMenu}>
            <Icon name="close" />
          </button>
          {account && (
            <p class="side-who">
              <strong>
                {account.name} <span class="muted">{account.login}</span>
              </strong>
              <span class="small muted">{account.organisation?.name}</span>
            </p>
          )}
          <Branch nodes={nodes} place={place} depth={0} />
        </nav>
        <main id="main" ref={main} class="page" tabIndex={-1}>
          {steps.length > 1 && (
            <nav class="trail" aria-label={w('trail')}>
              <ol role="list">
                {steps.map((s, i) => (
                  <li key={s} aria-current={i === steps.length - 1 ? 'page' : undefined}>
                    {w(s)}
                  </li>
                ))}
              </ol>
            </nav>
          )}
          {problem && <ProblemNote problem={problem} />}
          {children}
        </main>
      </div>
    </div>
  )
}

export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect class="mark-ground" width="32" height="32" rx="7" />
      <path class="mark-line" d="M13.5 11.5h-2a4.5 4.5 0 0 0 0 9h2M18.5 11.5h2a4.5 4.5 0 0 1 0 9h-2M12 16h8" />
    </svg>
  )
}
