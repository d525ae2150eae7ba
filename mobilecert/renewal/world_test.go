package renewal_test

import (
	"context"
	"crypto"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"certlink/cashier"
	"certlink/confirm"
	"certlink/internal/effect"
	"certlink/internal/fault"
	"certlink/internal/feed"
	"certlink/mobilecert"
	"certlink/mobilecert/bids"
	"certlink/mobilecert/identity"
	"certlink/mobilecert/mobiletest"
	"certlink/mobilecert/renewal"
	"certlink/mobilecert/renewal/site/sandbox"
	"certlink/push"
	"certlink/store"
	"certlink/trust/trusttest"
)

var ctx = context.Background()

func schema() []store.Collection {
	return slices.Concat(mobilecert.Collections(), confirm.Collections(), bids.Collections(), renewal.Collections(), identity.Collections(), cashier.Collections(), push.Collections())
}

// process is one server: the rooms that a renewal goes through, and the relay
// between them.
type process struct {
	*mobiletest.Server
	ledger   *bids.Ledger
	renewals *renewal.Service
	orders   *cashier.Service
	prompts  *push.Prompts
	relay    *push.Relay
	// csrs are what phones have sent: the same request again after a lost reply.
	csrs map[crypto.Signer][]byte
}

// world is what the processes have in common.
type world struct {
	*mobiletest.World
	*process
	price int64
	key   renewal.KeyPolicy
	site  renewal.Site
	// told are the notices that people got, by process; the relay adds several at once.
	told   []string
	adding sync.Mutex
	sent   map[crypto.Signer][]byte
}

func newWorld(t *testing.T, change ...func(*world)) *world {
	t.Helper()
	w := &world{key: renewal.NewKey, sent: map[crypto.Signer][]byte{}}
	w.World = mobiletest.New(t, slices.Concat(bids.Collections(), renewal.Collections(), identity.Collections(), cashier.Collections(), push.Collections(), sandbox.Collections())...)
	for _, f := range change {
		f(w)
	}
	w.process = w.start(w.World.Store)
	return w
}

// till is the cashier as main wires it.
type till struct{ *cashier.Service }

func (k till) Open(ctx context.Context, r renewal.OrderRequest) (string, error) {
	o, err := k.Service.Open(ctx, cashier.OrderRequest{Subject: cashier.Subject{Kind: "renewal", ID: r.Renewal}, Account: r.Account,
		Organisation: r.Organisation, Lines: []cashier.Line{{Name: "CA续费", Category: "CA服务", Unit: "个", Quantity: 1, UnitFen: r.PriceFen}}})
	if err != nil {
		return "", err
	}
	return o.ID, nil
}

func (w *world) start(s store.Store) *process {
	t := w.T
	p := &process{csrs: w.sent}
	var err error
	p.orders, err = cashier.New(cashier.Config{Store: s, Clock: w.Clock.Now, Providers: []cashier.Provider{cashier.Transfer{}}})
	check(t, err)
	p.Server = w.World.Start(s, func(v *mobiletest.Server) []confirm.Purpose {
		p.ledger = bids.New(bids.Config{Store: s, Clock: w.Clock.Now, Catalogue: w.Cat, Certificates: v.Certificates, Bindings: v.Bindings})
		p.renewals = renewal.New(renewal.Config{
			Store: s, Clock: w.Clock.Now, Catalogue: w.Cat, Certificates: v.Certificates, Bindings: v.Bindings, Bids: p.ledger, Orders: till{p.orders}, Site: w.site,
			Faces: identity.New(identity.Config{Store: s, Clock: w.Clock.Now, Seal: v.Config.Seal, Checker: faces{}}),
			Terms: func(product string) (renewal.Terms, bool) {
				return renewal.Terms{PriceFen: w.price, Term: 365 * 24 * time.Hour, Key: w.key, Name: mobilecert.Name{ZH: "移动证书"}}, product != "foreign"
			},
		})
		v.Config.Grants = map[string]mobilecert.Grants{renewal.SubjectKind: p.renewals}
		return []confirm.Purpose{bids.NewAcknowledge(p.ledger), renewal.NewExtend(p.renewals), renewal.NewReplace(p.renewals)}
	})
	hub := feed.NewHub(s)
	p.prompts = push.NewPrompts(push.PromptsConfig{
		Store: s, Clock: w.Clock.Now, Hub: hub, Engine: p.Engine, Phones: push.NewPhones(s, w.Clock.Now, hub, nil), Times: push.DefaultPromptTimes(),
		DeviceName: func(context.Context, string) (string, error) { return "李娜的手机", nil },
		Party: func(_ context.Context, id string) (confirm.Party, bool, error) {
			return w.Party(id), w.Who(id).Admin, nil
		},
		Told: map[string]push.Handler{"extend": p.renewals.CarryPrompt, "acknowledge": p.renewals.CarryPrompt},
	})
	nothing := func(context.Context, effect.Effect) error { return nil }
	p.relay = push.NewRelay(s, schema(), map[string]push.Handler{
		effect.Audit: nothing, effect.Webhook: nothing,
		effect.Push: func(_ context.Context, e effect.Effect) error {
			if key := e.Data["key"]; key != push.KeyPrompt {
				w.adding.Lock()
				defer w.adding.Unlock()
				w.told = append(w.told, key)
			}
			return nil
		},
		push.EffectPrompt: p.prompts.Carry, push.EffectPromptEnded: p.prompts.CarryEnded,
		cashier.EffectOrder: p.renewals.CarryOrder, cashier.EffectRefund: p.orders.CarryRefund, cashier.EffectCompleted: p.orders.CarryCompleted,
		mobilecert.EffectIssued: p.renewals.CarryIssued, mobilecert.EffectSupersede: p.renewals.CarrySuccessor, mobilecert.EffectRevoked: p.renewals.CarryRevoked,
		renewal.EffectErased: p.renewals.CarryErased, identity.EffectChecked: p.renewals.CarryChecked, bids.EffectGuard: p.ledger.CarryGuard, bids.EffectAcknowledged: p.renewals.CarryAcknowledged,
	})
	return p
}

// settle lets the relay work until nothing is owed any more.
func (p *process) settle() error {
	for range 8 {
		if err := p.relay.Run(ctx); err != nil {
			return err
		}
	}
	return nil
}

// due brings the clock to a month before a phone's certificate ends.
func (w *world) due(ph *mobiletest.Phone) {
	w.Clock.Advance(ph.Doc.NotAfter.Add(-30 * 24 * time.Hour).Sub(w.Clock.Now()))
}

// pay completes the renewal's order, which is free here.
func (p *process) pay(n *renewal.Renewal) error {
	if _, err := p.orders.Complete(ctx, cashier.Who{Account: n.By.ID}, n.Order); err != nil {
		return err
	}
	return p.settle()
}

// paid starts and pays the renewal of a phone's certificate.
func (w *world) paid(ph *mobiletest.Phone) *renewal.Renewal {
	w.T.Helper()
	n, err := w.renewals.Start(ctx, w.Who("li"), ph.Doc.ID, confirm.Requester{IP: "192.0.2.7", Browser: "Edge"})
	check(w.T, err)
	check(w.T, w.pay(n))
	return w.read(n.ID)
}

func (w *world) read(id string) *renewal.Renewal {
	w.T.Helper()
	n, err := w.renewals.Get(ctx, id)
	check(w.T, err)
	return n
}

// asked is the one question before a phone, nil for none.
func (p *process) asked(device string) (*push.Prompt, error) {
	list, err := p.prompts.Inbox(ctx, device)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0], nil
}

// confirms answers the question before the phone: it sends the request for the new
// key, reads the statement and signs it.
func (p *process) confirms(t testing.TB, ph *mobiletest.Phone, key crypto.Signer) (*push.Prompt, error) {
	if p.csrs[key] == nil && key != nil {
		p.csrs[key] = trusttest.CSR(t, key)
	}
	q, err := p.asked(ph.ID)
	if err != nil || q == nil {
		return nil, err
	}
	if q.Confirmation.Terms.NewKey != nil {
		if q, err = p.prompts.Key(ctx, q.ID, ph.ID, p.csrs[key]); err != nil {
			return nil, err
		}
	}
	return p.prompts.Confirm(ctx, q.ID, ph.ID, ph.Sign(t, &q.Confirmation))
}

// extends answers, and gives the phone what came of it.
func (w *world) extends(ph *mobiletest.Phone) *push.Prompt {
	w.T.Helper()
	key := trusttest.Key(w.T, ph.Holder.Alg)
	q, err := w.confirms(w.T, ph, key)
	check(w.T, err)
	if q == nil || q.State != confirm.StateConfirmed {
		w.T.Fatalf("the question ended so: %+v", q)
	}
	w.Take(ph, q.Result, key, ph.Holder.Alg)
	check(w.T, w.settle())
	return q
}

// state fails unless the renewal stands so.
func (w *world) state(id string, want renewal.State) *renewal.Renewal {
	w.T.Helper()
	n := w.read(id)
	if n.State != want {
		w.T.Fatalf("the renewal is %s, not %s: %+v", n.State, want, n.History)
	}
	return n
}

func check(t testing.TB, err error) { t.Helper(); mobiletest.Check(t, err) }

func refused(t testing.TB, err error, want *fault.Error) *fault.Error {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %s", err, want.Code)
	}
	return fault.Of(err)
}

// successors counts the certificates that came of one.
func successors(t testing.TB, s store.Store, id string) (n int) {
	t.Helper()
	docs, _, err := s.Query(ctx, "certificates", store.Equal("successor", id))
	check(t, err)
	return len(docs)
}

func (w *world) order(id string) *cashier.Order {
	w.T.Helper()
	o, err := w.orders.Get(ctx, id)
	check(w.T, err)
	return o
}
