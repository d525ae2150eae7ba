// Pages that say one thing: not for you, not there, not in this release.
import { dictionary } from '../../shared/i18n'
import type { Role } from '../../shared/model'
import { Blank, Button, Icon } from '../../shared/ui'
import { type Place, allowed } from '../router'
import { roleName, w } from '../words'

const say = dictionary(
  {
    integratorTitle: '此账号供业务系统通过接口使用',
    integratorText: '集成方账号不在页面上办理业务。接口说明中有全部请求、返回和错误代码。',
    integratorDocs: '打开接口说明',
  },
  {
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
