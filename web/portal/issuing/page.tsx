// 待制证: requests for authorities without an interface, for reviewers.
import { useState } from 'preact/hooks'
import { query } from '../../shared/api'
import { dateTime, visible } from '../../shared/format'
import { either } from '../../shared/i18n'
import { type Problem, asProblem } from '../../shared/problem'
import { Button, Icon, ProblemNote, announce } from '../../shared/ui'
import { algorithmName } from '../bindings/words'
import type { CertificateRecord } from '../certificates/model'
import { Cell, List, usePages } from '../list'
import { download } from '../state'
import { providerName, w } from '../words'
import { DeclineDialog, UploadDialog } from './upload'
import { s } from './words'

export function IssuingPage() {
  const [uploading, setUploading] = useState<CertificateRecord | undefined>(undefined)
  const [declining, setDeclining] = useState<CertificateRecord | undefined>(undefined)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const list = usePages<CertificateRecord>((cursor) => `/v1/issuing${query({ limit: 50, cursor })}`)
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
    <List
      title={w('issuing')}
      lead={s('lead')}
      notes={problem && <ProblemNote problem={problem} />}
      caption={s('caption')}
      list={list}
      row={(x) => ({ id: x.id, testid: 'issuing-row' })}
      empty={{ icon: 'inbox', title: s('empty'), text: s('emptyText') }}
      loading={s('loading')}
      failed={s('failed')}
      keys
      columns={[
        { head: s('applicant'), cell: (x) => <Cell strong={visible(x.holder_name)} sub={[visible(x.organisation_name)]} /> },
        {
          head: s('product'),
          cell: (x) => <Cell sub={[`${providerName(x.provider)}${x.algorithm ? ` · ${algorithmName(x.algorithm)}` : ''}`]}>{either(x.product_name.zh, x.product_name.en)}</Cell>,
        },
        { head: s('since'), class: 'nums', cell: (x) => dateTime(x.waiting_since ?? x.created_at) },
      ]}
      acts={(x) => {
        const holder = visible(x.holder_name)
        return (
          <>
            <Button kind="quiet" size="small" label={s('downloadOf', { holder })} onClick={() => void take(x)} testid="request-download">
              <Icon name="download" />
              {s('download')}
            </Button>
            <Button size="small" label={s('uploadOf', { holder })} onClick={() => setUploading(x)} testid="certificate-upload">
              {s('upload')}
            </Button>
            <Button kind="quiet-danger" size="small" label={s('declineOf', { holder })} onClick={() => setDeclining(x)} testid="certificate-decline">
              {s('decline')}
            </Button>
          </>
        )
      }}
    >
      {uploading && <UploadDialog record={uploading} onClose={() => setUploading(undefined)} onDone={over} />}
      {declining && <DeclineDialog record={declining} onClose={() => setDeclining(undefined)} onDone={over} />}
    </List>
  )
}
