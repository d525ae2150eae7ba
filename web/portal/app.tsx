import { useEffect } from 'preact/hooks'
import { useLang } from '../shared/i18n'
import { LiveRegion, ProblemNote, Waiting } from '../shared/ui'
import { Layout } from './layout'
import { allowed, go, home, usePlace, type Place } from './router'
import { SignInAgain, SignInPage } from './signin'
import { begin, useApp } from './state'
import { usePageTitle } from './title'
import { w } from './words'
import { AccountPage } from './pages/account'
import { ApplyPage } from './apply/page'
import { DownloadsPage } from './pages/downloads'
import { IntegratorPage, NoRight, NotFound } from './pages/plain'
import { ReviewPage } from './review/page'
import { RenewalIdentitiesPage } from './renew/identities'
import { RenewPage } from './renew/page'
import { TokenReviewPage } from './renew/review'
import { BindingsPage } from './bindings/page'
import { CertificatesPage } from './certificates/page'
import { IssuingPage } from './issuing/page'
import { CashierPage } from './cashier/page'
import { PaymentReviewPage } from './cashier/review'
import { InvoicePage } from './invoice/page'
import { InvoiceReviewPage } from './invoice/review'
import { AccountsPage } from './operator/accounts'
import { PhonesPage } from './phones/page'
import { OrganisationsPage } from './operator/organisations'
import { AuditPage } from './operator/audit'
import { MessagesPage } from './operator/messages'

const pages: Record<Place, (p: { item: string }) => preact.JSX.Element> = {
  bindings: BindingsPage,
  apply: ApplyPage,
  certificates: CertificatesPage,
  renew: RenewPage,
  cashier: CashierPage,
  invoice: InvoicePage,
  downloads: DownloadsPage,
  phones: PhonesPage,
  account: AccountPage,
  organisations: OrganisationsPage,
  accounts: AccountsPage,
  audit: AuditPage,
  messages: MessagesPage,
  review: ReviewPage,
  issuing: IssuingPage,
  reviewRenewals: RenewalIdentitiesPage,
  reviewTokens: TokenReviewPage,
  reviewPayments: PaymentReviewPage,
  reviewInvoices: InvoiceReviewPage,
  integrator: IntegratorPage,
}

export function App() {
  useLang()
  const app = useApp()
  useEffect(() => void begin(), [])
  return (
    <>
      <LiveRegion />
      {app.problem ? <Unreachable /> : app.session === undefined || !app.config ? <main><Waiting /></main> : app.session === null ? <SignInPage /> : <Inside />}
      {app.again && <SignInAgain />}
    </>
  )
}

function Unreachable() {
  const { problem } = useApp()
  usePageTitle(w('offlineTitle'))
  return (
    <main class="alone">
      <h1 class="visually-hidden">{w('offlineTitle')}</h1>
      {problem && <ProblemNote problem={problem} meaning={w('loadFailed')} onRetry={() => void begin()} retryText={w('reload')} />}
    </main>
  )
}

function Inside() {
  const { session } = useApp()
  const { place, item } = usePlace()
  const roles = session?.account.roles ?? []
  useEffect(() => {
    if (place === '') history.replaceState(null, '', '#/')
  }, [place])
  const at: Place | 'unknown' = place === '' ? home(roles) : place
  if (at === 'unknown') {
    return (
      <Layout place="unknown">
        <NotFound onHome={() => go(home(roles))} />
      </Layout>
    )
  }
  const Page = pages[at]
  return <Layout place={at}>{allowed(at, roles) ? <Page key={`${at} ${item}`} item={item} /> : <NoRight place={at} onHome={() => go(home(roles))} />}</Layout>
}
