// The bind dialog: whom (for another account), which medium and provider, then
// the code. Each step keeps what was chosen, also over a reload.
import { useEffect, useState } from 'preact/hooks'
import { dictionary } from '../../shared/i18n'
import type { Candidate, Medium, Page, Provider } from '../../shared/model'
import { type Problem, asProblem } from '../../shared/problem'
import { isAbort, query } from '../../shared/api'
import { visible } from '../../shared/format'
import { Button, Choices, Dialog, ErrorSummary, Field, type Mistake, mistake, Note, ProblemNote, Spinner, Waiting, announce } from '../../shared/ui'
import { EndPanel } from '../flow/end'
import { SessionPanel } from '../flow/panel'
import { useSession } from '../flow/session'
import { f } from '../flow/words'
import { UKeyDialog } from '../ukey/dialog'
import { u } from '../ukey/words'
import { useDraft } from '../draft'
import { useLoad } from '../load'
import { go } from '../router'
import { call, useApp } from '../state'
import { personName, productName, providerName, roleName, w } from '../words'
import { SendButtons, SentNote, useSending } from './send'
import { b } from './words'

const say = dictionary(
  {
    name: '员工姓名',
    nameHint: '输入姓名后，从列表中选择要绑定的账号。',
    candidates: '选择账号',
    candidatesHint: '同名员工请用登录名和手机号区分。',
    searching: '正在查找…',
    found: '找到 {n} 个账号',
    foundNone: '本机构没有叫“{name}”的账号。请核对姓名，或先为该员工开通账号。',
    more: '同名账号较多，仅显示前 {n} 个。请输入完整姓名。',
    searchFailed: '没有查到账号，已输入的姓名还在。',
    bound: '已绑定 {n} 张证书',
    self: '当前账号',
    medium: '证书类型',
    mobile: '移动版证书',
    mobileNote: '证书在手机应用里，扫码绑定',
    ukey: '介质版（U-Key）证书',
    ukeyNote: '证书在 USB 钥匙里',
    provider: 'CA服务商',
    providerHint: '选择签发证书的机构。',
    others: '另有 {n} 家服务商不能选',
    notYet: '尚未接入移动版：{names}',
    noMobile: '没有移动版：{names}',
    notYetUkey: '尚未接入介质版：{names}',
    noUkey: '没有介质版：{names}',
    noneMobile: '目前没有可以绑定移动版证书的服务商。',
    noneUkey: '目前没有可以绑定介质版证书的服务商。',
    ukeyOff: '本平台未启用 U-Key',
    ukeyText: '请先安装服务商的驱动，把 U-Key 插入电脑。下一步会自动识别。',
    drivers: '下载驱动',
    needName: '请输入员工姓名',
    needAccount: '请选择要绑定的账号',
    needMedium: '请选择证书类型',
    needProvider: '请选择 CA 服务商',
    forAccount: '绑定到',
    loading: '正在加载服务商…',
    failed: '服务商列表没有加载出来，还没有执行任何操作。',
  },
  {
    name: 'Employee’s name',
    nameHint: 'Type the name, then choose the account from the list.',
    candidates: 'Choose the account',
    candidatesHint: 'Tell people of the same name apart by login and mobile number.',
    searching: 'Searching…',
    found: '{n} {n:account|accounts} found',
    foundNone: 'Your organisation has no account named “{name}”. Check the name, or have an account opened first.',
    more: 'There are many of this name; only the first {n} are shown. Type the full name.',
    searchFailed: 'The accounts could not be searched; the name you typed is still here.',
    bound: '{n} {n:certificate|certificates} bound',
    self: 'your account',
    medium: 'Kind of certificate',
    mobile: 'Mobile certificate',
    mobileNote: 'In the phone app, bound by scanning',
    ukey: 'U-Key',
    ukeyNote: 'On a USB token',
    provider: 'CA provider',
    providerHint: 'The authority that issued the certificate.',
    others: '{n} more {n:provider|providers} cannot be chosen',
    notYet: 'Mobile not connected yet: {names}',
    noMobile: 'No mobile certificates: {names}',
    notYetUkey: 'U-Keys not connected yet: {names}',
    noUkey: 'No U-Keys: {names}',
    noneMobile: 'There is no provider yet whose mobile certificates can be bound.',
    noneUkey: 'There is no provider yet whose U-Keys can be bound.',
    ukeyOff: 'U-Keys are not in use here',
    ukeyText: 'Install the provider’s driver first and plug the U-Key in. The next step recognises it by itself.',
    drivers: 'Get the driver',
    needName: 'Enter the employee’s name',
    needAccount: 'Choose the account',
    needMedium: 'Choose the kind of certificate',
    needProvider: 'Choose the CA provider',
    forAccount: 'For',
    loading: 'Loading the providers…',
    failed: 'The providers could not be loaded; nothing has been done yet.',
  },
)

export interface BindForm {
  name: string
  account: string
  accountName: string
  accountLogin: string
  medium: Medium | ''
  provider: string
  // The code is shown; the session to take up again after a reload.
  step: 'form' | 'code'
  session: string
}

const empty: BindForm = { name: '', account: '', accountName: '', accountLogin: '', medium: 'mobile', provider: '', step: 'form', session: '' }

interface Props {
  kind: 'self' | 'other'
  onClose: () => void
  onBound: (id: string | undefined) => void
}

export function BindDialog({ kind, onClose, onBound }: Props) {
  const { session } = useApp()
  const [form, change, clear] = useDraft<BindForm>(`bind-${kind}`, empty)
  const providers = useLoad((signal) => call<Page<Provider>>('GET', '/v1/providers', { signal }), [])
  const list = providers.data?.items
  const provider = list?.find((p) => p.id === form.provider)
  const title = b(kind === 'self' ? 'bindSelf' : 'bindOther')
  const shut = () => {
    clear()
    onClose()
  }

  if (form.step === 'code' && form.medium === 'ukey' && provider) {
    const self = session?.account
    return (
      <UKeyDialog
        title={title}
        fallback={`[data-testid="bind-${kind}"]`}
        forText={say('forAccount')}
        who={kind === 'other' ? personName({ name: form.accountName, login: form.accountLogin }) : self ? personName(self) : ''}
        request={{ purpose: 'bind', provider: provider.id, account: kind === 'other' ? form.account : (self?.id ?? '') }}
        provider={provider}
        signText={u('sign')}
        failedText={u('failed')}
        onBack={() => change({ step: 'form' })}
        onClose={shut}
        onDone={(result) => (clear(), onBound(result?.kind === 'binding' ? result.binding.id : undefined))}
      />
    )
  }
  if (form.step === 'code' && form.medium !== 'ukey') return <CodeDialog kind={kind} title={title} form={form} change={change} provider={provider} onClose={shut} onBound={(id) => (clear(), onBound(id))} />
  return (
    <Dialog title={title} onClose={shut} testid="bind-dialog" fallback={`[data-testid="bind-${kind}"]`}>
      {list ? (
        <BindFormView kind={kind} form={form} change={change} providers={list} onClose={shut} />
      ) : providers.problem ? (
        <ProblemNote problem={providers.problem} meaning={say('failed')} onRetry={providers.reload} />
      ) : (
        <Waiting text={say('loading')} />
      )}
    </Dialog>
  )
}

interface FormProps {
  kind: 'self' | 'other'
  form: BindForm
  change: (part: Partial<BindForm>) => void
  providers: Provider[]
  onClose: () => void
}

function BindFormView({ kind, form, change, providers, onClose }: FormProps) {
  const [mistakes, setMistakes] = useState<Mistake[]>([])
  const wrong = (field: string) => mistakes.find((m) => m.field === field)?.text

  const { config } = useApp()
  const medium: Medium = form.medium === 'ukey' && config?.bridge ? 'ukey' : 'mobile'
  const bindable = providers.filter((p) => p.bindable)
  const ready = bindable.filter((p) => p.available[medium])
  // The only one that can be chosen is chosen.
  const provider = (ready.length === 1 ? ready[0] : ready.find((p) => p.id === form.provider))?.id ?? ''

  const submit = (e: Event) => {
    e.preventDefault()
    const found: Mistake[] = []
    if (kind === 'other' && !form.account) {
      if (!form.name.trim()) found.push(mistake('employee-name', () => say('needName')))
      else found.push(mistake(document.getElementById('candidate') ? 'candidate' : 'employee-name', () => say('needAccount')))
    }
    if (!form.medium) found.push(mistake('medium', () => say('needMedium')))
    if (!provider) found.push(mistake('provider', () => say('needProvider')))
    setMistakes(found)
    if (found.length === 0) change({ step: 'code', session: '', provider })
  }

  return (
    <form class="stack form-wide" onSubmit={submit} noValidate>
      <ErrorSummary mistakes={mistakes} />
      {kind === 'other' && <Who form={form} change={change} errorName={wrong('employee-name')} errorAccount={wrong('candidate')} />}
      <Choices
        name="medium"
        legend={say('medium')}
        value={form.medium}
        error={wrong('medium')}
        columns="two"
        onChange={(medium) => change({ medium: medium as Medium })}
        options={[
          { value: 'mobile', title: say('mobile'), note: say('mobileNote'), testid: 'medium-mobile' },
          { value: 'ukey', title: say('ukey'), note: config?.bridge ? say('ukeyNote') : say('ukeyOff'), off: !config?.bridge, testid: 'medium-ukey' },
        ]}
      />
      {medium === 'ukey' && (
        <Note live testid="ukey-note">
          <p>{say('ukeyText')}</p>
          <Button size="small" onClick={() => (onClose(), go('downloads'))} testid="drivers">
            {say('drivers')}
          </Button>
        </Note>
      )}
      {ready.length > 0 ? (
        <Choices
          name="provider"
          legend={say('provider')}
          hint={say('providerHint')}
          value={provider}
          error={wrong('provider')}
          columns={ready.length === 1 ? 'one' : undefined}
          onChange={(provider) => change({ provider })}
          options={ready.map((p) => ({ value: p.id, title: productName(p, medium), testid: `provider-${p.id}` }))}
        />
      ) : (
        <Note tone="warn">{say(medium === 'ukey' ? 'noneUkey' : 'noneMobile')}</Note>
      )}
      <Others providers={bindable.filter((p) => !p.available[medium])} medium={medium} />
      <div class="dialog-foot">
        <Button onClick={onClose} testid="cancel">
          {w('cancel')}
        </Button>
        {ready.length > 0 && (
          <Button submit kind="primary" testid="next">
            {w('next')}
          </Button>
        )}
      </div>
    </form>
  )
}

// Whoever looks for a provider that cannot be chosen finds why, and nobody else has to
// scroll past it.
function Others({ providers, medium }: { providers: Provider[]; medium: Medium }) {
  if (providers.length === 0) return null
  const names = (has: boolean) =>
    providers
      .filter((p) => p.media.includes(medium) === has)
      .map(providerName)
      .join(w('listSeparator'))
  return (
    <details class="fold">
      <summary>{say('others', { n: providers.length })}</summary>
      {names(true) && <p class="small">{say(medium === 'ukey' ? 'notYetUkey' : 'notYet', { names: names(true) })}</p>}
      {names(false) && <p class="small">{say(medium === 'ukey' ? 'noUkey' : 'noMobile', { names: names(false) })}</p>}
    </details>
  )
}

const most = 20

function Who({ form, change, errorName, errorAccount }: { form: BindForm; change: FormProps['change']; errorName?: string; errorAccount?: string }) {
  const { session } = useApp()
  const [found, setFound] = useState<{ name: string; page: Page<Candidate> } | undefined>(undefined)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const [searching, setSearching] = useState(false)
  const [attempt, setAttempt] = useState(0)
  const name = form.name.trim()

  // Asked once the person pauses; the answer to an older name is dropped.
  useEffect(() => {
    setProblem(undefined)
    if (name === '') {
      setFound(undefined)
      setSearching(false)
      return
    }
    const leaving = new AbortController()
    setSearching(true)
    const timer = setTimeout(() => {
      call<Page<Candidate>>('GET', `/v1/accounts${query({ name, limit: most })}`, { signal: leaving.signal }).then(
        (page) => {
          if (leaving.signal.aborted) return
          setFound({ name, page })
          setSearching(false)
          announce(page.items.length === 0 ? say('foundNone', { name }) : say('found', { n: page.items.length }))
          // The only one of that name need not be picked from a list of one.
          const only = page.items.length === 1 && !page.next ? page.items[0] : undefined
          if (only && only.name === name) change({ account: only.id, accountName: only.name, accountLogin: only.login })
        },
        (e: unknown) => {
          if (leaving.signal.aborted || isAbort(e)) return
          setProblem(asProblem(e))
          setSearching(false)
        },
      )
    }, 300)
    return () => {
      clearTimeout(timer)
      leaving.abort()
    }
  }, [name, attempt])

  const items = found && name !== '' ? found.page.items : []
  return (
    <div class="stack-s who-box">
      <Field
        id="employee-name"
        label={say('name')}
        hint={say('nameHint')}
        value={form.name}
        error={errorName}
        autofocus
        testid="employee-name"
        maxLength={64}
        onInput={(value) => change({ name: value, account: '', accountName: '', accountLogin: '' })}
      />
      <div class="who-found">
        {searching && (
          <p class="row muted small">
            <Spinner />
            {say('searching')}
          </p>
        )}
        {problem && <ProblemNote problem={problem} meaning={say('searchFailed')} onRetry={() => setAttempt((n) => n + 1)} />}
        {!searching && !problem && found && items.length === 0 && <Note testid="nobody">{say('foundNone', { name: visible(found.name) })}</Note>}
        {items.length > 0 && (
          <div data-testid="candidates">
            <Choices
              name="candidate"
              legend={say('candidates')}
              hint={items.length > 1 ? say('candidatesHint') : undefined}
              error={errorAccount}
              columns="one"
              value={form.account}
              onChange={(id) => {
                const c = items.find((x) => x.id === id)
                if (c) change({ account: c.id, accountName: c.name, accountLogin: c.login })
              }}
              options={items.map((c) => ({
                value: c.id,
                title: personName(c),
                testid: `candidate-${c.id}`,
                note: [c.mobile_masked, ...c.roles.map(roleName), c.bindings ? say('bound', { n: c.bindings }) : '', c.id === session?.account.id ? say('self') : '']
                  .filter(Boolean)
                  .join(' · '),
              }))}
            />
          </div>
        )}
        {found?.page.next && !searching && <p class="hint">{say('more', { n: items.length })}</p>}
      </div>
    </div>
  )
}

interface CodeProps {
  kind: 'self' | 'other'
  title: string
  form: BindForm
  change: (part: Partial<BindForm>) => void
  provider: Provider | undefined
  onClose: () => void
  onBound: (id: string | undefined) => void
}

function CodeDialog({ kind, title, form, change, provider, onClose, onBound }: CodeProps) {
  const { session } = useApp()
  const self = session?.account
  const account = kind === 'other' ? form.account : (self?.id ?? '')
  const running = useSession({ purpose: 'bind', provider: form.provider, account }, form.session || undefined, (id) => change({ session: id ?? '' }))
  const sending = useSending(kind === 'self' ? provider : undefined)
  const prompt = sending.prompt
  const state = running.session?.state
  const coded = !running.problem && (!state || state === 'created')
  const byPrompt = prompt?.state === 'confirmed'
  const result = byPrompt ? prompt.result : running.session?.result

  // Done by one way, it is not asked by the other any more. A code that has run out does
  // nothing to what waits on the phone, which has more time.
  useEffect(() => {
    if (byPrompt) void running.cancel().catch(() => undefined)
    else if (state && state !== 'created' && state !== 'expired') sending.stop()
  }, [byPrompt, state])

  const leave = () => {
    // The page is left at once; an unanswered cancel ends by the code's own time.
    void running.cancel().catch(() => undefined)
    onClose()
  }
  const back = () => {
    void running.cancel().catch(() => undefined)
    change({ step: 'form', session: '' })
  }
  const done = () => {
    if (byPrompt || state === 'confirmed') onBound(result?.kind === 'binding' ? result.binding.id : undefined)
    else leave()
  }

  return (
    <Dialog title={title} onClose={state === 'accepted' ? undefined : done} testid="bind-dialog" fallback={`[data-testid="bind-${kind}"]`}>
      <p class="session-for">
        <span class="muted">{say('forAccount')}</span>{' '}
        <strong>
          {kind === 'other' ? personName({ name: form.accountName, login: form.accountLogin }) : self && personName(self)}
        </strong>
        {provider && <span class="badge">{productName(provider, 'mobile')}</span>}
      </p>
      {byPrompt ? (
        <div class="session">
          <h3 class="session-title" data-testid="session-state" data-state="confirmed">
            {f('confirmedBind')}
          </h3>
          <EndPanel session={prompt} provider={provider} requestId="" onRestart={leave} onDone={done} />
        </div>
      ) : (
        <>
          {/* It stays when the code has expired. */}
          {!coded && <SentNote sending={sending} alone />}
          <SessionPanel
            running={running}
            purpose="bind"
            provider={provider}
            onBack={back}
            onDone={done}
            onCancel={leave}
            beside={
              <>
                <SendButtons sending={sending} />
                <SentNote sending={sending} />
              </>
            }
          />
        </>
      )}
    </Dialog>
  )
}
