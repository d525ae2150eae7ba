// Pages that say one thing: not for you, not there, not in this release.
import { dictionary } from '../../shared/i18n'
import type { Role } from '../../shared/model'
import { Blank, Button, Icon } from '../../shared/ui'
import { type Place, allowed } from '../router'
import { roleName, w } from '../words'

const say = dictionary(
  {
    reviewTitle: '目前没有需要审核的申请',
    reviewText: '在线申领及其审核将在后续版本提供。届时，待审核的申请会显示在这里。',
    integratorTitle: '此账号供业务系统通过接口使用',
    integratorText: '集成方账号不在页面上办理业务。接口说明中有全部请求、返回和错误代码。',
    integratorDocs: '打开接口说明',
  },
  {
    reviewTitle: 'There is nothing to review',
    reviewText: 'Online applications and their review come with a later release. Applications waiting for review will then be shown here.',
    integratorTitle: 'This account is for programs',
    integratorText: 'An integrator’s account does nothing on these pages. The API document lists every request, answer and error code.',
    integratorDocs: 'Open the API document',
  },
)

const everyone: Role[] = ['admin', 'employee', 'reviewer', 'operator', 'integrator']

export function NoRight({ place, onHome }: { place: Place; onHome: () => void }) {
  const roles = everyone.filter((r) => allowed(place, [r])).map(roleName)
  return (
    <div class="stack page-body">
      <h1>{w(place)}</h1>
      <section class="card">
        <Blank icon="lock" title={w('noRight')} testid="no-permission">
          <p>{w('noRightText', { roles: roles.join(w('listSeparator')) })}</p>
          <Button kind="primary" onClick={onHome} testid="home">
            {w('home')}
          </Button>
        </Blank>
      </section>
    </div>
  )
}

export function NotFound({ onHome }: { onHome: () => void }) {
  return (
    <div class="stack page-body">
      <h1>{w('notFound')}</h1>
      <section class="card">
        <Blank icon="search" title={w('notFound')} testid="not-found">
          <p>{w('notFoundText')}</p>
          <Button kind="primary" onClick={onHome} testid="home">
            {w('home')}
          </Button>
        </Blank>
      </section>
    </div>
  )
}

export function ReviewPage() {
  return (
    <div class="stack page-body">
      <h1>{w('review')}</h1>
      <section class="card">
        <Blank icon="inbox" title={say('reviewTitle')} testid="empty">
          <p>{say('reviewText')}</p>
        </Blank>
      </section>
    </div>
  )
}

export function IntegratorPage() {
  return (
    <div class="stack page-body">
      <h1>{w('integrator')}</h1>
      <section class="card">
        <Blank icon="link" title={say('integratorTitle')}>
          <p>{say('integratorText')}</p>
          <a class="button button-primary" href="/docs">
            <Icon name="certificate" />
            {say('integratorDocs')}
          </a>
        </Blank>
      </section>
    </div>
  )
}
