// In demo mode, a certificate to try with, without applying for it.
import { useState } from 'preact/hooks'
import { dictionary, either } from '../../shared/i18n'
import { Button, Choices, Dialog, ErrorSummary, type Mistake, mistake } from '../../shared/ui'
import { algorithmName } from '../bindings/words'
import { useDraft, writeDraft } from '../draft'
import { SessionPanel } from '../flow/panel'
import { useSession } from '../flow/session'
import { go } from '../router'
import { useApp } from '../state'
import { personName } from '../words'

const say = dictionary(
  {
    demoTitle: '领取演示证书',
    demoText: '不用申领：用手机应用扫码，几秒钟就能得到一张移动证书，签发给当前账号 {name}。演示证书没有法律效力。',
    product: '选择证书',
    needProduct: '请选择要领取的证书',
    claim: '领取演示证书',
  },
  {
    demoTitle: 'Get a demo certificate',
    demoText: 'Without applying: scan with the phone app, and within seconds it holds a mobile certificate for your account, {name}. Demo certificates have no legal effect.',
    product: 'Choose a certificate',
    needProduct: 'Choose which certificate to get',
    claim: 'Get a demo certificate',
  },
)

interface Claim {
  product: string
  open: boolean
  session: string
}

export function DemoCertificates() {
  const { config, session } = useApp()
  const products = config?.demo ? (config.products ?? []) : []
  const [claim, change, clear] = useDraft<Claim>('claim', { product: products[0]?.id ?? '', open: false, session: '' })
  const [mistakes, setMistakes] = useState<Mistake[]>([])
  if (products.length === 0) return null
  return (
    <section class="card card-padded stack" aria-labelledby="claim">
      <h2 id="claim">{say('demoTitle')}</h2>
      <p>{say('demoText', { name: session?.account.name ?? '' })}</p>
      <ErrorSummary mistakes={mistakes} />
      <form
        class="stack"
        onSubmit={(e) => {
          e.preventDefault()
          const chosen = products.some((p) => p.id === claim.product)
          setMistakes(chosen ? [] : [mistake('product', () => say('needProduct'))])
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
          <Button submit testid="claim-demo">
            {say('claim')}
          </Button>
        </div>
      </form>
      {claim.open && <ClaimDialog claim={claim} change={change} onClose={clear} />}
    </section>
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
        <strong>{session && personName(session.account)}</strong>
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
          toBinding(product?.provider ?? '')
        }}
      />
    </Dialog>
  )
}

// To the bindings, with the dialog open at this provider.
export function toBinding(provider: string): void {
  writeDraft('bindings', { dialog: 'self' })
  if (provider) writeDraft('bind-self', { medium: 'mobile', provider })
  go('bindings')
}
