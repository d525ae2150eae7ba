// Sign-in: the page, and the dialog over a page whose sign-in ran out.
import { useEffect, useState } from 'preact/hooks'
import { dictionary } from '../shared/i18n'
import { type Problem, asProblem } from '../shared/problem'
import { Button, Dialog, ErrorSummary, Field, Icon, LangSwitch, type Mistake, mistake, Note, ProblemNote } from '../shared/ui'
import { Mark } from './layout'
import { giveUp, signIn, useApp } from './state'
import { useDraft } from './draft'
import { usePageTitle } from './title'
import { roleName, w } from './words'

const say = dictionary(
  {
    title: '登录',
    lead: '登录后办理 CA 证书的申领、绑定和续费。',
    login: '登录名',
    password: '密码',
    totp: '动态口令',
    totpHint: '打开手机上的验证器应用，输入 certlink 下显示的 6 位数字。',
    totpTitle: '再验证一步',
    totpLead: '此账号开启了动态口令。',
    submit: '登录',
    otherAccount: '换一个账号登录',
    needLogin: '请输入登录名',
    needPassword: '请输入密码',
    needTOTP: '请输入 6 位动态口令',
    retryIn: '请在 {n} 秒后重试。',
    demoTitle: '演示账号',
    demoLead: '点击一个账号即可填入登录名和密码。',
    demoFilled: '已填入 {name} 的登录名和密码',
    against: '防范假冒网站：请确认地址栏显示的是 {origin}',
    againTitle: '请重新登录',
    againLead: '登录已超时。重新登录后会回到刚才的页面，您填写的内容都还在。',
    leave: '退出到登录页',
  },
  {
    title: 'Sign in',
    lead: 'Sign in to apply for, bind and renew CA certificates.',
    login: 'Login',
    password: 'Password',
    totp: 'One-time code',
    totpHint: 'Open the authenticator app on your phone and type the six digits shown for certlink.',
    totpTitle: 'One more step',
    totpLead: 'This account uses one-time codes.',
    submit: 'Sign in',
    otherAccount: 'Use another account',
    needLogin: 'Enter your login',
    needPassword: 'Enter your password',
    needTOTP: 'Enter the six-digit code',
    retryIn: 'Try again in {n} {n:second|seconds}.',
    demoTitle: 'Demo accounts',
    demoLead: 'Choose one to fill in its login and password.',
    demoFilled: 'Login and password of {name} filled in',
    against: 'Beware of false sites: the address bar should show {origin}',
    againTitle: 'Please sign in again',
    againLead: 'Your sign-in has timed out. After signing in you are back where you were; what you entered is still here.',
    leave: 'Leave to the sign-in page',
  },
)

function Form({ narrow }: { narrow?: boolean }) {
  const { config, session } = useApp()
  const [kept, keep] = useDraft('sign-in', { login: session?.account.login ?? '' })
  const [password, setPassword] = useState('')
  const [totp, setTOTP] = useState('')
  const [second, setSecond] = useState(false)
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const [mistakes, setMistakes] = useState<Mistake[]>([])
  const [filled, setFilled] = useState('')

  useEffect(() => {
    if (second) document.getElementById('totp')?.focus()
  }, [second])

  const wrong = (field: string) => mistakes.find((m) => m.field === field)?.text

  const submit = async (e: Event) => {
    e.preventDefault()
    if (busy) return
    const found: Mistake[] = []
    if (!kept.login.trim()) found.push(mistake('login', () => say('needLogin')))
    if (!password) found.push(mistake('password', () => say('needPassword')))
    if (second && !/^\d{6}$/.test(totp.trim())) found.push(mistake('totp', () => say('needTOTP')))
    setMistakes(found)
    setProblem(undefined)
    if (found.length > 0) return
    setBusy(true)
    try {
      await signIn(kept.login.trim(), password, second ? totp.trim() : undefined)
    } catch (e) {
      const p = asProblem(e)
      if (p.code === 'totp_required') setSecond(true)
      else setProblem(p)
      if (p.code === 'totp_wrong') {
        setTOTP('')
        document.getElementById('totp')?.focus()
      }
      setBusy(false)
    }
  }

  return (
    <>
      <form class="stack" onSubmit={(e) => void submit(e)} noValidate>
        <ErrorSummary mistakes={mistakes} />
        {problem && (
          <ProblemNote problem={problem} meaning={problem.retryAfter ? say('retryIn', { n: Math.ceil(problem.retryAfter) }) : undefined} />
        )}
        {second && (
          <Note title={say('totpTitle')} live>
            <p>{say('totpLead')}</p>
          </Note>
        )}
        <div class="stack" hidden={second}>
          <Field id="login" label={say('login')} value={kept.login} onInput={(login) => keep({ login })} autocomplete="username" testid="login" error={wrong('login')} />
          <Field id="password" label={say('password')} type="password" value={password} onInput={setPassword} autocomplete="current-password" testid="password" error={wrong('password')} />
        </div>
        {second && (
          <Field id="totp" label={say('totp')} hint={say('totpHint')} value={totp} onInput={setTOTP} inputMode="numeric" maxLength={6} autocomplete="one-time-code" testid="totp" error={wrong('totp')} />
        )}
        <Button submit kind="primary" size="large" wide busy={busy} testid="sign-in">
          {say('submit')}
        </Button>
        {second && (
          <Button kind="quiet" onClick={() => (setSecond(false), setTOTP(''), setProblem(undefined))}>
            {say('otherAccount')}
          </Button>
        )}
      </form>
      {!narrow && config?.demo_logins && config.demo_logins.length > 0 && !second && (
        <section class="demo-logins stack-s" aria-labelledby="demo-logins">
          <h2 id="demo-logins">{say('demoTitle')}</h2>
          <p class="hint">{say('demoLead')}</p>
          <ul role="list" class="demo-list">
            {config.demo_logins.map((d) => (
              <li key={d.login}>
                <button
                  type="button"
                  class="demo-login"
                  data-testid={`demo-login-${d.login}`}
                  onClick={() => {
                    keep({ login: d.login })
                    setPassword(d.password)
                    setMistakes([])
                    setProblem(undefined)
                    setFilled(d.name)
                    document.querySelector<HTMLElement>('[data-testid="sign-in"]')?.focus()
                  }}
                >
                  <span class="demo-name">
                    {d.name} <span class="mono small">{d.login}</span>
                  </span>
                  <span class="small muted">
                    {roleName(d.role)}
                    {d.organisation && ` · ${d.organisation}`}
                  </span>
                </button>
              </li>
            ))}
          </ul>
          <p class="visually-hidden" role="status">
            {filled && say('demoFilled', { name: filled })}
          </p>
        </section>
      )}
    </>
  )
}

export function SignInPage() {
  const { config, offline } = useApp()
  usePageTitle(say('title'))
  return (
    <main class="gate">
      <div class="gate-card">
        <div class="row-between">
          <span class="brand">
            <Mark />
            certlink
          </span>
          <LangSwitch />
        </div>
        {offline && (
          <p class="offline-bar">
            <Icon name="offline" />
            {w('offline')}
          </p>
        )}
        <div class="stack-s">
          <h1>{say('title')}</h1>
          <p class="muted">{say('lead')}</p>
        </div>
        {config?.demo && (
          <p class="demo demo-boxed" data-testid="demo-banner">
            <strong>{w('demo')}</strong>
            <span>{w('demoText')}</span>
          </p>
        )}
        <Form />
        {config && <p class="hint gate-foot">{say('against', { origin: config.origin })}</p>}
      </div>
    </main>
  )
}

export function SignInAgain() {
  return (
    <Dialog title={say('againTitle')} narrow testid="sign-in-again">
      <div class="stack">
        <p>{say('againLead')}</p>
        <Form narrow />
        <Button kind="quiet" onClick={giveUp}>
          {say('leave')}
        </Button>
      </div>
    </Dialog>
  )
}
