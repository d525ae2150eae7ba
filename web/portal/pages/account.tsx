// 账号设置: who one is here, the password, and one-time codes.
import { useState } from 'preact/hooks'
import { dictionary } from '../../shared/i18n'
import { groups, visible } from '../../shared/format'
import { type Problem, asProblem } from '../../shared/problem'
import { Button, Choices, Dialog, ErrorSummary, Field, type Mistake, mistake, Note, ProblemNote, QR, announce } from '../../shared/ui'
import type { LettersView } from '../../shared/model'
import { call, setLetters, setTOTP, useApp } from '../state'
import { Picker } from '../picker'
import { roleName, w } from '../words'

const say = dictionary(
  {
    about: '账号信息',
    name: '姓名',
    login: '登录名',
    organisation: '机构',
    creditCode: '统一社会信用代码',
    roles: '角色',
    password: '修改密码',
    passwordLead: '修改后，此账号在其他浏览器上的登录会立即失效。',
    old: '原密码',
    new: '新密码',
    newHint: '10 至 128 个字符，不要包含登录名，也不要用常见密码。',
    repeat: '再输入一次新密码',
    change: '修改密码',
    changed: '密码已修改。',
    needOld: '请输入原密码',
    needNew: '新密码至少 10 个字符',
    notSame: '两次输入的新密码不一致',
    elsewhere: '此账号通过外部身份服务登录，请在原系统中管理密码和动态口令。',
    totp: '动态口令',
    totpLead: '开启后，登录时除密码外还需输入验证器应用显示的 6 位数字，密码泄露也不会被他人登录。',
    on: '已开启',
    off: '未开启',
    begin: '开启动态口令',
    stop: '关闭动态口令',
    scan: '用手机上的验证器应用扫描二维码，或手动输入密钥，再输入应用显示的 6 位数字。',
    qr: '用于验证器应用的二维码',
    secret: '密钥',
    code: '6 位动态口令',
    needCode: '请输入 6 位数字',
    confirm: '确认开启',
    confirmed: '动态口令已开启，下次登录时需要输入。',
    stopText: '关闭后，只凭密码即可登录此账号。请输入当前的动态口令确认是您本人。',
    stopped: '动态口令已关闭。',
    unchanged: '没有做任何修改。',
    letters: '邮件通知',
    lettersLead: '到期提醒和办理进展会发送到 {address}。手机应用和平台上的提醒不受影响。',
    lettersNowhere: '此账号没有登记邮箱，不会收到邮件。请联系机构管理员补充。',
    lettersLegend: '提醒和进展邮件',
    lettersOn: '接收',
    lettersOff: '不接收',
    lettersSafety: '与账号安全有关的邮件（绑定、解绑、吊销）仍会发送',
    lettersLanguage: '邮件语言',
    letters_both: '中文和英文',
    'letters_zh-CN': '中文',
    letters_en: '英文',
    lettersSave: '保存',
    lettersSaved: '已保存',
  },
  {
    about: 'About this account',
    name: 'Name',
    login: 'Login',
    organisation: 'Organisation',
    creditCode: 'Unified social credit code',
    roles: 'Roles',
    password: 'Change the password',
    passwordLead: 'Sign-ins of this account in other browsers end at once.',
    old: 'Present password',
    new: 'New password',
    newHint: '10 to 128 characters, without your login, and no common password.',
    repeat: 'New password once more',
    change: 'Change the password',
    changed: 'The password is changed.',
    needOld: 'Enter the present password',
    needNew: 'The new password needs at least 10 characters',
    notSame: 'The two new passwords are not the same',
    elsewhere: 'This account signs in through an outside identity service; its password and one-time codes are managed there.',
    totp: 'One-time codes',
    totpLead: 'Signing in then takes the six digits of an authenticator app besides the password, so a stolen password is not enough.',
    on: 'On',
    off: 'Off',
    begin: 'Turn on one-time codes',
    stop: 'Turn off one-time codes',
    scan: 'Scan the code with an authenticator app on your phone, or type in the secret; then enter the six digits that the app shows.',
    qr: 'QR code for an authenticator app',
    secret: 'Secret',
    code: 'Six-digit code',
    needCode: 'Enter the six digits',
    confirm: 'Turn on',
    confirmed: 'One-time codes are on, and asked for at the next sign-in.',
    stopText: 'Afterwards the password alone is enough to sign in. Enter the present one-time code to show that it is you.',
    stopped: 'One-time codes are off.',
    unchanged: 'Nothing was changed.',
    letters: 'E-mail',
    lettersLead: 'Reminders before certificates expire and news of your applications go to {address}. What the phone app and this platform tell is not affected.',
    lettersNowhere: 'No e-mail address is on record, so nothing is sent. Ask the admin of your organisation to add one.',
    lettersLegend: 'Reminders and news by e-mail',
    lettersOn: 'Send them',
    lettersOff: 'Do not send them',
    lettersSafety: 'What concerns the account’s safety (bound, unbound, revoked) is sent all the same',
    lettersLanguage: 'Language of e-mails',
    letters_both: 'Chinese and English',
    'letters_zh-CN': 'Chinese',
    letters_en: 'English',
    lettersSave: 'Save',
    lettersSaved: 'Saved',
  },
)

export function AccountPage() {
  const { session } = useApp()
  const a = session?.account
  if (!a) return <></>
  const here = session.via === 'session' || session.via === 'local' || session.via === ''
  return (
    <div class="stack page-body page-narrow">
      <h1>{w('account')}</h1>
      <section class="card card-padded stack" aria-labelledby="about">
        <h2 id="about">{say('about')}</h2>
        <dl class="facts">
          <dt>{say('name')}</dt>
          <dd>{visible(a.name)}</dd>
          <dt>{say('login')}</dt>
          <dd>{a.login}</dd>
          <dt>{say('organisation')}</dt>
          <dd>{visible(a.organisation?.name ?? '')}</dd>
          {a.organisation?.credit_code && (
            <>
              <dt>{say('creditCode')}</dt>
              <dd class="mono">{a.organisation.credit_code}</dd>
            </>
          )}
          <dt>{say('roles')}</dt>
          <dd>{a.roles.map(roleName).join(w('listSeparator'))}</dd>
        </dl>
      </section>
      <Letters />
      {here ? (
        <>
          <Password />
          <Codes enabled={session.totp.enabled} />
        </>
      ) : (
        <Note>{say('elsewhere')}</Note>
      )}
    </div>
  )
}

const languages = ['', 'zh-CN', 'en'] as const

// Letters is how one is written to; what concerns the account's safety always is.
function Letters() {
  const { session } = useApp()
  const kept = session!.letters
  const [on, setOn] = useState(kept.on)
  const [language, setLanguage] = useState(kept.language)
  const [busy, setBusy] = useState(false)
  const [done, setDone] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const submit = async (e: Event) => {
    e.preventDefault()
    if (busy) return
    setBusy(true)
    setDone(false)
    setProblem(undefined)
    try {
      setLetters(await call<LettersView>('PUT', '/v1/account/letters', { body: { on, language } }))
      setDone(true)
      announce(say('lettersSaved'))
    } catch (x) {
      setProblem(asProblem(x))
    }
    setBusy(false)
  }
  return (
    <section class="card card-padded stack" aria-labelledby="letters" data-testid="letters">
      <h2 id="letters">{say('letters')}</h2>
      {kept.address === '' ? (
        <p>{say('lettersNowhere')}</p>
      ) : (
        <form class="stack" onSubmit={(e) => void submit(e)}>
          <p>{say('lettersLead', { address: kept.address })}</p>
          <Choices
            name="letters-on"
            legend={say('lettersLegend')}
            columns="two"
            value={on ? 'on' : 'off'}
            onChange={(v) => (setOn(v === 'on'), setDone(false))}
            options={[
              { value: 'on', title: say('lettersOn'), testid: 'letters-on' },
              { value: 'off', title: say('lettersOff'), note: say('lettersSafety'), testid: 'letters-off' },
            ]}
          />
          <Picker
            id="letters-language"
            label={say('lettersLanguage')}
            value={language}
            onChange={(v) => (setLanguage(v as LettersView['language']), setDone(false))}
            options={languages.map((l) => ({ value: l, title: say(l === '' ? 'letters_both' : `letters_${l}`) }))}
          />
          {problem && <ProblemNote problem={problem} meaning={say('unchanged')} />}
          <div class="row">
            <Button submit busy={busy} testid="letters-save">
              {say('lettersSave')}
            </Button>
            {done && (
              <span role="status" class="good" data-testid="letters-saved">
                {say('lettersSaved')}
              </span>
            )}
          </div>
        </form>
      )}
    </section>
  )
}

function Password() {
  const [old, setOld] = useState('')
  const [fresh, setFresh] = useState('')
  const [repeat, setRepeat] = useState('')
  const [busy, setBusy] = useState(false)
  const [done, setDone] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const [mistakes, setMistakes] = useState<Mistake[]>([])
  const wrong = (field: string) => mistakes.find((m) => m.field === field)?.text

  const submit = async (e: Event) => {
    e.preventDefault()
    if (busy) return
    const found: Mistake[] = []
    if (!old) found.push(mistake('old-password', () => say('needOld')))
    if ([...fresh].length < 10) found.push(mistake('new-password', () => say('needNew')))
    else if (fresh !== repeat) found.push(mistake('repeat-password', () => say('notSame')))
    setMistakes(found)
    setProblem(undefined)
    setDone(false)
    if (found.length > 0) return
    setBusy(true)
    try {
      await call('POST', '/v1/account/password', { body: { old, new: fresh } })
      setOld('')
      setFresh('')
      setRepeat('')
      setDone(true)
    } catch (e) {
      setProblem(asProblem(e))
    }
    setBusy(false)
  }

  return (
    <section class="card card-padded stack" aria-labelledby="password-title">
      <h2 id="password-title">{say('password')}</h2>
      <p class="muted">{say('passwordLead')}</p>
      {done && (
        <Note tone="good" live testid="password-changed">
          {say('changed')}
        </Note>
      )}
      <ErrorSummary mistakes={mistakes} />
      {problem && <ProblemNote problem={problem} />}
      <form class="stack" onSubmit={(e) => void submit(e)} noValidate>
        <Field id="old-password" label={say('old')} type="password" value={old} onInput={setOld} autocomplete="current-password" error={wrong('old-password')} testid="old-password" />
        <Field id="new-password" label={say('new')} hint={say('newHint')} type="password" value={fresh} onInput={setFresh} autocomplete="new-password" error={wrong('new-password')} testid="new-password" />
        <Field id="repeat-password" label={say('repeat')} type="password" value={repeat} onInput={setRepeat} autocomplete="new-password" error={wrong('repeat-password')} testid="repeat-password" />
        <div class="row">
          <Button submit kind="primary" busy={busy} testid="change-password">
            {say('change')}
          </Button>
        </div>
      </form>
    </section>
  )
}

function Codes({ enabled }: { enabled: boolean }) {
  const [begun, setBegun] = useState<{ secret: string; uri: string } | undefined>(undefined)
  const [stopping, setStopping] = useState(false)
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)

  const begin = async () => {
    setBusy(true)
    setProblem(undefined)
    try {
      setBegun(await call<{ secret: string; uri: string }>('POST', '/v1/account/totp', { body: {} }))
    } catch (e) {
      setProblem(asProblem(e))
    }
    setBusy(false)
  }

  return (
    <section class="card card-padded stack" aria-labelledby="totp-title">
      <div class="row">
        <h2 id="totp-title">{say('totp')}</h2>
        <span class={enabled ? 'badge badge-good' : 'badge'} data-testid="totp-state">
          {enabled ? say('on') : say('off')}
        </span>
      </div>
      <p class="muted">{say('totpLead')}</p>
      {problem && <ProblemNote problem={problem} />}
      <div class="row">
        {enabled ? (
          <Button testid="totp-stop" onClick={() => setStopping(true)}>
            {say('stop')}
          </Button>
        ) : (
          <Button testid="totp-begin" busy={busy} onClick={() => void begin()}>
            {say('begin')}
          </Button>
        )}
      </div>
      {begun && (
        <CodeDialog
          title={say('begin')}
          submit={say('confirm')}
          send={(code) => call('POST', '/v1/account/totp/confirm', { body: { code } })}
          onClose={() => setBegun(undefined)}
          onDone={() => {
            setBegun(undefined)
            setTOTP(true)
            announce(say('confirmed'))
          }}
        >
          <p>{say('scan')}</p>
          <div class="totp-qr">
            <QR text={begun.uri} size={200} label={say('qr')} testid="totp-qr" />
          </div>
          <dl class="facts">
            <dt>{say('secret')}</dt>
            <dd class="mono" data-testid="totp-secret">
              {groups(begun.secret)}
            </dd>
          </dl>
        </CodeDialog>
      )}
      {stopping && (
        <CodeDialog
          title={say('stop')}
          submit={say('stop')}
          danger
          send={(code) => call('DELETE', '/v1/account/totp', { body: { code } })}
          onClose={() => setStopping(false)}
          onDone={() => {
            setStopping(false)
            setTOTP(false)
            announce(say('stopped'))
          }}
        >
          <p>{say('stopText')}</p>
        </CodeDialog>
      )}
    </section>
  )
}

interface CodeProps {
  title: string
  submit: string
  danger?: boolean
  send: (code: string) => Promise<unknown>
  onClose: () => void
  onDone: () => void
  children: preact.ComponentChildren
}

function CodeDialog(p: CodeProps) {
  const [code, setCode] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState('')
  const [problem, setProblem] = useState<Problem | undefined>(undefined)

  const submit = async (e: Event) => {
    e.preventDefault()
    if (busy) return
    const digits = code.replace(/\s/g, '')
    setProblem(undefined)
    setError(/^\d{6}$/.test(digits) ? '' : say('needCode'))
    if (!/^\d{6}$/.test(digits)) {
      document.getElementById('totp-code')?.focus()
      return
    }
    setBusy(true)
    try {
      await p.send(digits)
      p.onDone()
    } catch (e) {
      setProblem(asProblem(e))
      setBusy(false)
      setCode('')
      document.getElementById('totp-code')?.focus()
    }
  }

  return (
    <Dialog title={p.title} narrow onClose={p.onClose} testid="totp-dialog" fallback="[data-testid^=totp-]">
      <form class="stack" onSubmit={(e) => void submit(e)} noValidate>
        {p.children}
        {problem && <ProblemNote problem={problem} meaning={say('unchanged')} />}
        <Field id="totp-code" label={say('code')} value={code} onInput={setCode} inputMode="numeric" maxLength={7} autocomplete="one-time-code" autofocus error={error || undefined} testid="totp-code" />
        <div class="dialog-foot">
          <Button onClick={p.onClose}>{w('cancel')}</Button>
          <Button submit kind={p.danger ? 'danger' : 'primary'} busy={busy} testid="totp-submit">
            {p.submit}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
