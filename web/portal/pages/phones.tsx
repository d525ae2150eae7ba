// The providers' telephone lines, as the manual lists them.
import { dictionary, either } from '../../shared/i18n'
import type { Page, Provider } from '../../shared/model'
import { Blank, Button, ProblemCode, Waiting } from '../../shared/ui'
import { useLoad, type Load } from '../load'
import { call } from '../state'
import { providerName, w } from '../words'

const say = dictionary(
  {
    caption: 'CA服务商与服务电话',
    provider: 'CA服务商',
    phones: '服务电话',
    loading: '正在加载服务商…',
    failed: '服务商列表没有加载出来。',
  },
  {
    caption: 'CA providers and their telephone lines',
    provider: 'CA provider',
    phones: 'Telephone',
    loading: 'Loading the providers…',
    failed: 'The providers could not be loaded.',
  },
)

export function useProviders(): Load<Provider[]> {
  return useLoad(async (signal) => (await call<Page<Provider>>('GET', '/v1/providers', { signal })).items, [])
}

export function Loaded({ load, children }: { load: Load<Provider[]>; children: (list: Provider[]) => preact.JSX.Element }) {
  if (load.data) return children(load.data)
  if (!load.problem) return <Waiting text={say('loading')} testid="loading" />
  return (
    <Blank icon={load.problem.code === 'offline' ? 'offline' : 'warn'} title={load.problem.title} testid={load.problem.code === 'offline' ? 'offline' : 'failed'}>
      <p>{say('failed')}</p>
      <Button kind="primary" onClick={load.reload} testid="retry">
        {w('reload')}
      </Button>
      <ProblemCode problem={load.problem} />
    </Blank>
  )
}

export function Lines({ provider }: { provider: Provider }) {
  return (
    <ul role="list" class="lines">
      {provider.phones.map((l) => (
        <li key={l.number}>
          <span class="muted small">{either(l.label_zh, l.label_en)}</span>{' '}
          <a class="nums nowrap" href={`tel:${l.number.replace(/[^+\d]/g, '')}`}>
            {l.number}
          </a>
        </li>
      ))}
    </ul>
  )
}

// mark says something about a provider beside its name; '' is nothing.
export function PhoneTable({ providers, mark }: { providers: Provider[]; mark?: (p: Provider) => string }) {
  return (
    <table class="table table-plain" aria-label={say('caption')}>
      <thead>
        <tr>
          <th scope="col">{say('provider')}</th>
          <th scope="col">{say('phones')}</th>
        </tr>
      </thead>
      <tbody>
        {providers.map((p) => (
          <tr key={p.id}>
            <th scope="row">
              {providerName(p)} {mark?.(p) && <span class="badge badge-good">{mark(p)}</span>}
              {p.aliases.length > 0 && <span class="cell-sub">{p.aliases.join(w('listSeparator'))}</span>}
            </th>
            <td>
              <Lines provider={p} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
