// One renewal: where it stands, what is to be done now, what happened.
import { date, dateTime, inDays, money, serialEnd, visible } from '../../shared/format'
import { Blank, Button, Icon, ProblemCode, Waiting } from '../../shared/ui'
import { usePolled } from '../polled'
import { go } from '../router'
import { mediumShort, providerName, w } from '../words'
import { Course } from './course'
import { type Renewal, moving } from './model'
import { Steps } from './steps'
import { r, stateName } from './words'

export function Detail({ id }: { id: string }) {
  const { value: n, problem, reload, take } = usePolled<Renewal>(`/v1/renewals/${encodeURIComponent(id)}`, moving)
  if (!n) {
    const gone = problem?.status === 404 || problem?.status === 403
    return (
      <div class="stack page-body">
      <h1>{r('detail')}</h1>
      {!problem ? <Waiting text={r('loading')} testid="loading" /> : (
      <Blank icon={gone ? 'search' : problem.passing ? 'offline' : 'warn'} title={gone ? r('unknown') : problem.title} testid={gone ? 'renewal-unknown' : 'failed'}>
        <p>{gone ? r('unknownText') : w('loadFailed')}</p>
        {gone ? (
          <Button kind="primary" onClick={() => go('renew')}>
            {r('toList')}
          </Button>
        ) : (
          <Button kind="primary" onClick={reload} testid="retry">
            {w('reload')}
          </Button>
        )}
        <ProblemCode problem={problem} />
      </Blank>
      )}
      </div>
    )
  }
  const c = n.certificate
  const ends = n.state === 'refunding' || n.state === 'refunded' || n.state === 'cancelled'
  return (
    <div class="stack page-body">
      <div class="row-between">
        <h1>{r('detail')}</h1>
        <Button onClick={() => go('renew')} testid="back-list">
          <Icon name="chevron" class="icon-back" />
          {r('back')}
        </Button>
      </div>
      <section class="card card-padded stack" aria-label={r('where')} data-testid="renewal" data-state={n.state}>
        <div class="row-between">
          <h2>
            {visible(c.holder_name || c.organisation_name || c.serial)} <span class="badge">{mediumShort(n.medium)}</span>
          </h2>
          <span class={`badge ${n.state === 'extended' ? 'badge-good' : ends ? '' : 'badge-warn'}`} data-testid="renewal-state">
            {stateName(n.state)}
          </span>
        </div>
        {!ends && <Steps renewal={n} />}
        <Course n={n} take={take} />
      </section>
      <section class="card card-padded stack" aria-labelledby="facts">
        <h2 id="facts">{r('certificate')}</h2>
        <dl class="facts">
          <dt>{r('provider')}</dt>
          <dd>
            {providerName(c.provider)} <span class="mono small muted">{serialEnd(c.serial)}</span>
          </dd>
          <dt>{r('validUntil')}</dt>
          <dd class="nums">
            {date(c.not_after)} <span class="muted">{inDays(c.not_after)}</span>
          </dd>
          <dt>{r('account')}</dt>
          <dd>{visible(n.account.name)}</dd>
          <dt>{r('price')}</dt>
          <dd class="nums">
            {n.price_fen === 0 ? r('free') : money(n.price_fen)} <span class="muted">{r('term', { n: n.term_days })}</span>
          </dd>
          {n.order && (
            <>
              <dt>{r('order')}</dt>
              <dd>
                <Button kind="quiet" size="small" onClick={() => go('cashier', n.order)}>
                  {r('seeOrder')}
                </Button>
              </dd>
            </>
          )}
          {n.successor?.evidence && (
            <>
              <dt>{r('evidence')}</dt>
              <dd class="mono small wrap-any">{n.successor.evidence}</dd>
            </>
          )}
        </dl>
      </section>
      {n.history && n.history.length > 0 && (
        <section class="card card-padded stack-s" aria-labelledby="history">
          <h2 id="history">{r('history')}</h2>
          <ol class="renew-history">
            {n.history.map((e, i) => (
              <li key={`${e.at} ${e.act}`}>
                <span class="nums small muted">{dateTime(e.at)}</span>
                <span>{actName(e.act, n.history!.slice(0, i).some((b) => b.act === e.act))}</span>
                <span class="small muted">{visible(e.by)}</span>
              </li>
            ))}
          </ol>
        </section>
      )}
    </div>
  )
}

// actName names a line of the history. A second 待延期 is no second payment.
function actName(act: string, again: boolean): string {
  if (again && act === 'renewal.extension') return r('a.renewal.back')
  return r.has(`a.${act}`) ? r(`a.${act}` as 'a.renewal.started') : act
}
