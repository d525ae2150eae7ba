// 待制证: requests for authorities without an interface, for reviewers.
import { useState } from 'preact/hooks'
import { query } from '../../shared/api'
import { dateTime, visible } from '../../shared/format'
import { either } from '../../shared/i18n'
import type { Page } from '../../shared/model'
import { type Problem, asProblem } from '../../shared/problem'
import { Blank, Button, Icon, ProblemCode, ProblemNote, Waiting, announce } from '../../shared/ui'
import { algorithmName } from '../bindings/words'
import type { CertificateRecord } from '../certificates/model'
import { useLoad } from '../load'
import { call, download } from '../state'
import { providerName, w } from '../words'
import { DeclineDialog, UploadDialog } from './upload'
import { s } from './words'

export function IssuingPage() {
  const [cursor, setCursor] = useState('')
  const [uploading, setUploading] = useState<CertificateRecord | undefined>(undefined)
  const [declining, setDeclining] = useState<CertificateRecord | undefined>(undefined)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const list = useLoad((signal) => call<Page<CertificateRecord>>('GET', `/v1/issuing${query({ limit: 50, cursor })}`, { signal }), [cursor])
  const items = list.data?.items
  const take = async (x: CertificateRecord) => {
    setProblem(undefined)
    try {
      await download(`/v1/issuing/${encodeURIComponent(x.id)}/request`, `request-${x.id}.csr`)
      announce(s('downloaded'))
    } catch (e) {
      setProblem(asProblem(e))
    }
  }
  const over = () => {
    setUploading(undefined)
    setDeclining(undefined)
    list.reload()
  }
  return (
    <div class="stack page-body">
      <h1>{w('issuing')}</h1>
      <p class="lead">{s('lead')}</p>
      {problem && <ProblemNote problem={problem} />}
      {list.problem && items && <ProblemNote problem={list.problem} onRetry={list.reload} retryText={w('reload')} />}
      <section class="card" aria-label={s('caption')}>
        {!items ? (
          list.problem ? (
            <Blank icon={list.problem.status === 403 ? 'lock' : 'warn'} title={list.problem.title} testid="failed">
              <p>{s('failed')}</p>
              <Button kind="primary" onClick={list.reload} testid="retry">
                {w('reload')}
              </Button>
              <ProblemCode problem={list.problem} />
            </Blank>
          ) : (
            <Waiting text={s('loading')} testid="loading" />
          )
        ) : items.length === 0 ? (
          <Blank icon="inbox" title={s('empty')} testid="issuing-empty">
            <p>{s('emptyText')}</p>
          </Blank>
        ) : (
          <div class="table-box" aria-busy={list.loading ? 'true' : undefined}>
            <table class="table" role="table" aria-label={s('caption')}>
              <thead role="rowgroup">
                <tr role="row">
                  {(['applicant', 'product', 'since', 'acts'] as const).map((k) => (
                    <th key={k} role="columnheader" scope="col">
                      {s(k)}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody role="rowgroup">
                {items.map((x) => (
                  <Row key={x.id} x={x} onTake={() => void take(x)} onUpload={() => setUploading(x)} onDecline={() => setDeclining(x)} />
                ))}
              </tbody>
            </table>
          </div>
        )}
        {(cursor || list.data?.next) && (
          <nav class="pager" aria-label={s('caption')}>
            <Button size="small" off={!cursor} onClick={() => setCursor('')}>
              {either('从头', 'From the start')}
            </Button>
            <Button size="small" off={!list.data?.next} onClick={() => setCursor(list.data?.next ?? '')}>
              {either('下一页', 'Next')}
            </Button>
          </nav>
        )}
      </section>
      {uploading && <UploadDialog record={uploading} onClose={() => setUploading(undefined)} onDone={over} />}
      {declining && <DeclineDialog record={declining} onClose={() => setDeclining(undefined)} onDone={over} />}
    </div>
  )
}

function Row({ x, onTake, onUpload, onDecline }: { x: CertificateRecord; onTake: () => void; onUpload: () => void; onDecline: () => void }) {
  const holder = visible(x.holder_name)
  return (
    <tr role="row" data-testid="issuing-row" data-id={x.id}>
      <td role="cell" data-label={s('applicant')}>
        <span class="cell-stack">
          <strong>{holder}</strong>
          <span class="cell-sub">{visible(x.organisation_name)}</span>
        </span>
      </td>
      <td role="cell" data-label={s('product')}>
        <span class="cell-stack">
          <span>{either(x.product_name.zh, x.product_name.en)}</span>
          <span class="cell-sub">
            {providerName(x.provider)}
            {x.algorithm && ` · ${algorithmName(x.algorithm)}`}
          </span>
        </span>
      </td>
      <td role="cell" data-label={s('since')} class="nums">
        {dateTime(x.waiting_since ?? x.created_at)}
      </td>
      <td role="cell" class="col-acts">
        <span class="acts">
          <Button kind="quiet" size="small" label={s('downloadOf', { holder })} onClick={onTake} testid="request-download">
            <Icon name="download" />
            {s('download')}
          </Button>
          <Button size="small" label={s('uploadOf', { holder })} onClick={onUpload} testid="certificate-upload">
            {s('upload')}
          </Button>
          <Button kind="quiet-danger" size="small" label={s('declineOf', { holder })} onClick={onDecline} testid="certificate-decline">
            {s('decline')}
          </Button>
        </span>
      </td>
    </tr>
  )
}
