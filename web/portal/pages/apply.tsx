// CA证书申领: how to apply today; and, in demo mode, a certificate to try with.
import { useState } from 'preact/hooks'
import { dictionary, either } from '../../shared/i18n'
import { Button, Choices, Dialog, ErrorSummary, type Mistake, Note } from '../../shared/ui'
import { useDraft, writeDraft } from '../draft'
import { SessionPanel } from '../flow/panel'
import { useSession } from '../flow/session'
import { algorithmName } from '../bindings/words'
import { go } from '../router'
import { useApp } from '../state'
import { personName, w } from '../words'
import { Loaded, PhoneTable, useProviders } from './phones'

const say = dictionary(
  {
    lead: '使用 CA 证书前需要先申领。制证和发放需要时间，请至少提前 1 个月办理，具体时间请咨询 CA 公司。',
    demoTitle: '领取演示证书',
    demoText: '用手机应用扫码，几秒钟就能得到一张移动证书，签发给当前账号 {name}。演示证书没有法律效力。',
    product: '选择证书',
    needProduct: '请选择要领取的证书',
    claim: '领取演示证书',
    how: '如何申领',
    step1: '准备材料：营业执照、授权书、持有人身份证件。',
    step2: '联系下列任一 CA 服务商办理，这里列出的服务商签发的证书都可以绑定。',
    step3: '收到证书后，到“CA绑定与解绑”绑定到账号。',
    onlineTitle: '在线申领',
    onlineText: '汇信-Ukey证书和汇信CA（移动证书）的在线申领将在后续版本提供。目前请致电汇信CA办理：',
    lines: '服务商与服务电话',
    toBindings: '去绑定',
  },
  {
    lead: 'A CA certificate must be applied for before it can be used. Making and delivering it takes time: apply at least a month ahead, and ask the authority how long it will be.',
    demoTitle: 'Get a demo certificate',
    demoText: 'Scan with the phone app, and within seconds it holds a mobile certificate for your account, {name}. Demo certificates have no legal effect.',
    product: 'Choose a certificate',
    needProduct: 'Choose which certificate to get',
    claim: 'Get a demo certificate',
    how: 'How to apply',
    step1: 'Prepare the papers: business licence, letter of authority, the holder’s identity document.',
    step2: 'Apply at any of the providers below; certificates of all of them can be bound.',
    step3: 'When you have it, bind it to an account under Bind and unbind.',
    onlineTitle: 'Applying online',
    onlineText: 'Applying online for a Huixin U-Key or a Huixin mobile certificate comes with a later release. For now, call Huixin CA:',
    lines: 'Providers and telephone lines',
    toBindings: 'Go to Bind and unbind',
  },
)

interface Claim {
  product: string
  open: boolean
  session: string
}

export function ApplyPage() {
  const { config, session } = useApp()
  const providers = useProviders()
  const products = config?.demo ? (config.products ?? []) : []
  const [claim, change, clear] = useDraft<Claim>('claim', { product: products[0]?.id ?? '', open: false, session: '' })
  const [mistakes, setMistakes] = useState<Mistake[]>([])
  return (
    <div class="stack page-body">
      <div class="row-between">
        <h1>{w('apply')}</h1>
        <Button onClick={() => go('bindings')}>{say('toBindings')}</Button>
      </div>
      <p class="lead">{say('lead')}</p>
      {products.length > 0 && (
        <section class="card card-padded stack" aria-labelledby="claim">
          <h2 id="claim">{say('demoTitle')}</h2>
          <p>{say('demoText', { name: session?.account.name ?? '' })}</p>
          <ErrorSummary mistakes={mistakes} />
          <form
            class="stack"
            onSubmit={(e) => {
              e.preventDefault()
              const chosen = products.some((p) => p.id === claim.product)
              setMistakes(chosen ? [] : [{ field: 'product', text: say('needProduct') }])
              if (chosen) change({ open: true, session: '' })
            }}
          >
            <Choices
              name="product"
              legend={say('product')}
              columns="two"
              value={claim.product}
              error={mistakes[0]?.text}
              onChange={(product) => change({ product })}
              options={products.map((p) => ({ value: p.id, title: either(p.name_zh, p.name_en), note: algorithmName(p.algorithm), testid: `product-${p.id}` }))}
            />
            <div class="row">
              <Button submit kind="primary" testid="claim-demo">
                {say('claim')}
              </Button>
            </div>
          </form>
        </section>
      )}
      <section class="card card-padded stack" aria-labelledby="how">
        <h2 id="how">{say('how')}</h2>
        <ol class="steps">
          <li>{say('step1')}</li>
          <li>{say('step2')}</li>
          <li>{say('step3')}</li>
        </ol>
        <Note title={say('onlineTitle')}>
          <p>
            {say('onlineText')}{' '}
            {providers.data
              ?.filter((p) => p.applicable)
              .flatMap((p) => p.phones)
              .map((l) => (
                <a key={l.number} class="nums nowrap" href={`tel:${l.number.replace(/[^+\d]/g, '')}`}>
                  {l.number}
                </a>
              ))}
          </p>
        </Note>
      </section>
      <section class="card" aria-labelledby="lines">
        <h2 id="lines" class="card-title">
          {say('lines')}
        </h2>
        <Loaded load={providers}>{(list) => <PhoneTable providers={list} />}</Loaded>
      </section>
      {claim.open && <ClaimDialog claim={claim} change={change} onClose={clear} />}
    </div>
  )
}

function ClaimDialog({ claim, change, onClose }: { claim: Claim; change: (part: Partial<Claim>) => void; onClose: () => void }) {
  const { config, session } = useApp()
  const running = useSession({ purpose: 'enroll', product: claim.product }, claim.session || undefined, (id) => change({ session: id ?? '' }))
  const state = running.session?.state
  const product = config?.products?.find((p) => p.id === claim.product)
  const leave = () => {
    void running.cancel().catch(() => undefined)
    onClose()
  }
  return (
    <Dialog title={say('claim')} onClose={state === 'accepted' ? undefined : leave} testid="claim-dialog" fallback='[data-testid="claim-demo"]'>
      <p class="session-for">
        <strong>
          {session && personName(session.account)}
        </strong>
        {product && <span class="badge">{either(product.name_zh, product.name_en)}</span>}
      </p>
      <SessionPanel
        running={running}
        purpose="enroll"
        provider={undefined}
        onDone={leave}
        onCancel={leave}
        onBindNow={() => {
          onClose()
          writeDraft('bindings', { dialog: 'self' })
          if (product) writeDraft('bind-self', { medium: 'mobile', provider: product.provider })
          go('bindings')
        }}
      />
    </Dialog>
  )
}
