// 申领CA: which certificate, what it costs and what happens to its key; then the
// terms, read to their end, and only then is anything begun.
import { useEffect, useRef, useState } from 'preact/hooks'
import { money } from '../../shared/format'
import { either, lang } from '../../shared/i18n'
import { type Problem, asProblem } from '../../shared/problem'
import { Button, Choices, Dialog, ErrorSummary, type Mistake, Note, ProblemNote, Waiting, mistake } from '../../shared/ui'
import { useLoad } from '../load'
import { call } from '../state'
import { w } from '../words'
import type { Application, Offer } from './model'
import { a } from './words'

export function price(o: Offer): string {
  return o.price_fen === 0 ? a('freeTerm', { days: o.term_days }) : a('perTerm', { price: money(o.price_fen), days: o.term_days })
}

export function ChooseDialog({ onClose, onBegun }: { onClose: () => void; onBegun: (id: string) => void }) {
  const offers = useLoad((signal) => call<{ items: Offer[] }>('GET', '/v1/products', { signal }), [])
  const [chosen, setChosen] = useState('')
  const [reading, setReading] = useState(false)
  const [mistakes, setMistakes] = useState<Mistake[]>([])
  const all = offers.data?.items
  // The only one there is need not be chosen.
  const offer = all?.length === 1 ? all[0] : all?.find((o) => o.id === chosen)
  if (reading && offer) {
    return (
      <TermsDialog
        offer={offer}
        onClose={() => setReading(false)}
        onAgree={async () => {
          const begun = await call<Application>('POST', '/v1/applications', { body: { product: offer.id, terms_version: offer.terms.version } })
          onBegun(begun.id)
        }}
      />
    )
  }
  return (
    <Dialog title={a('chooseTitle')} onClose={onClose} testid="choose-dialog" fallback='[data-testid="apply-ca"]'>
      <form
        class="stack"
        onSubmit={(e) => {
          e.preventDefault()
          setMistakes(offer ? [] : [mistake('offer', () => a('needChoice'))])
          if (offer) setReading(true)
        }}
      >
        <ErrorSummary mistakes={mistakes} />
        {offers.problem && <ProblemNote problem={offers.problem} meaning={w('loadFailed')} onRetry={offers.reload} />}
        {offers.data ? (
          <Choices
            name="offer"
            legend={a('chooseLegend')}
            columns="one"
            value={offer?.id ?? ''}
            error={mistakes[0]?.text}
            onChange={setChosen}
            options={offers.data.items.map((o) => ({ value: o.id, title: either(o.name.zh, o.name.en), note: price(o), testid: `offer-${o.id}` }))}
          />
        ) : (
          !offers.problem && <Waiting />
        )}
        {offer && (
          <Note title={a('keyTitle')} tone={offer.custody.escrow ? 'warn' : 'plain'} testid="custody">
            <p>{either(offer.custody.zh, offer.custody.en)}</p>
          </Note>
        )}
        <div class="dialog-foot">
          <Button onClick={onClose}>{w('cancel')}</Button>
          <Button submit kind="primary" testid="choose-apply">
            {a('apply')}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}

interface TermsProps {
  offer: Offer
  onClose: () => void
  onAgree: () => Promise<void>
}

export function TermsDialog(p: TermsProps) {
  const [read, setRead] = useState(false)
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const box = useRef<HTMLDivElement>(null)
  const look = (e: HTMLDivElement | null) => {
    if (e && e.clientHeight > 0 && e.scrollTop + e.clientHeight >= e.scrollHeight - 8) setRead(true)
  }
  // Terms that need no scrolling are read; known once the dialog is drawn.
  useEffect(() => {
    const frame = requestAnimationFrame(() => look(box.current))
    return () => cancelAnimationFrame(frame)
  }, [])
  const agree = async () => {
    setBusy(true)
    setProblem(undefined)
    try {
      await p.onAgree()
    } catch (e) {
      setProblem(asProblem(e))
      setBusy(false)
    }
  }
  return (
    <Dialog title={a('termsTitle')} onClose={busy ? undefined : p.onClose} testid="terms-dialog">
      <div class="stack">
        <p class="muted small">
          {either(p.offer.name.zh, p.offer.name.en)} · {a('termsVersion', { version: p.offer.terms.version })}
        </p>
        <div
          class="terms"
          tabIndex={0}
          role="region"
          aria-label={a('termsTitle')}
          data-autofocus=""
          data-testid="terms"
          ref={box}
          onScroll={(e) => look(e.currentTarget)}
        >
          {(lang() === 'en' ? p.offer.terms.en : p.offer.terms.zh).map((t) => (
            <p key={t}>{t}</p>
          ))}
          <p class="terms-key">
            <strong>{a('keyTitle')}</strong>
            <br />
            {either(p.offer.custody.zh, p.offer.custody.en)}
          </p>
        </div>
        {problem && <ProblemNote problem={problem} />}
        <div class="dialog-foot">
          {!read && <span class="small muted">{a('termsEnd')}</span>}
          <Button onClick={p.onClose} off={busy}>
            {a('disagree')}
          </Button>
          <Button kind="primary" busy={busy} off={!read} onClick={() => void agree()} testid="terms-agree">
            {a('agree')}
          </Button>
        </div>
      </div>
    </Dialog>
  )
}
