// CA续费与延期: where to renew today, and the trap to know before extending.
import { dictionary } from '../../shared/i18n'
import { Note } from '../../shared/ui'
import { w } from '../words'
import { Loaded, PhoneTable, useProviders } from './phones'

const say = dictionary(
  {
    lead: '证书到期前请及时续费并延期，避免影响使用。续费是付款，延期是证书有效期真正延长；付了款不等于已延期。',
    whereTitle: '目前在哪里办理',
    whereText: '在本平台在线续费和延期将在后续版本提供。目前请致电签发证书的 CA 服务商办理；直接向 CA 公司申领的证书，一直由该公司办理续费、延期和发票。',
    trapTitle: '延期前请先确认：有没有正在进行的招投标项目',
    trapText: '如果已用这张证书加密了标书，延期后可能无法解密。请先向 CA 公司确认，或等开标完成后再办理。',
    afterTitle: '延期之后',
    afterText: '如果 CA 公司换发了新证书，请到“CA绑定与解绑”查看绑定是否仍然有效，必要时重新绑定。',
    lines: '服务商与服务电话',
  },
  {
    lead: 'Renew and extend before the certificate expires. Renewing is paying; extending is what really prolongs the term: paid is not yet extended.',
    whereTitle: 'Where to do it today',
    whereText: 'Renewing and extending online comes with a later release. For now, call the provider that issued the certificate. Certificates got straight from an authority are always renewed, extended and invoiced there.',
    trapTitle: 'Before extending: is a tender still running?',
    trapText: 'If this certificate has encrypted a bid, extending it may make the bid undecryptable. Ask the authority first, or wait until the bids are opened.',
    afterTitle: 'After extending',
    afterText: 'If the authority issued a new certificate, look under Bind and unbind whether the binding still holds, and bind again if need be.',
    lines: 'Providers and telephone lines',
  },
)

export function RenewPage() {
  const providers = useProviders()
  return (
    <div class="stack page-body">
      <h1>{w('renew')}</h1>
      <p class="lead">{say('lead')}</p>
      <Note title={say('whereTitle')}>
        <p>{say('whereText')}</p>
      </Note>
      <Note tone="warn" title={say('trapTitle')}>
        <p>{say('trapText')}</p>
      </Note>
      <section class="card card-padded stack-s" aria-labelledby="after">
        <h2 id="after">{say('afterTitle')}</h2>
        <p>{say('afterText')}</p>
      </section>
      <section class="card" aria-labelledby="lines">
        <h2 id="lines" class="card-title">
          {say('lines')}
        </h2>
        <Loaded load={providers}>{(list) => <PhoneTable providers={list} />}</Loaded>
      </section>
    </div>
  )
}
