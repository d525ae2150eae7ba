package program

import (
	"context"
	"fmt"
	"slices"
	"time"

	"certlink/cashier"
	"certlink/confirm"
	"certlink/mobilecert"
	"certlink/mobilecert/bids"
	"certlink/mobilecert/renewal"
	"certlink/mobilecert/renewal/site/sandbox"
	"certlink/push"
	"certlink/store"
)

// renewalSettings are what an operator can set about renewals.
type renewalSettings struct {
	RenewDaysBefore int `name:"renew-days-before" env:"CERTLINK_RENEW_DAYS_BEFORE" default:"90" help:"Days before its expiry from which a certificate can be renewed."`
	RenewDaysAfter  int `name:"renew-days-after" env:"CERTLINK_RENEW_DAYS_AFTER" default:"30" help:"Days after its expiry until which it can still be renewed."`
	BidGraceDays    int `name:"bid-grace-days" env:"CERTLINK_BID_GRACE_DAYS" default:"7" help:"Days after its opening for which a bid that nobody has reported as opened still stops an extension."`
}

func (s *renewalSettings) check(bad func(format string, args ...any)) {
	if s.RenewDaysBefore < 1 || s.RenewDaysBefore > 365 || s.RenewDaysAfter < 0 || s.RenewDaysAfter > 365 {
		bad("CERTLINK_RENEW_DAYS_BEFORE must be from 1 to 365, CERTLINK_RENEW_DAYS_AFTER from 0 to 365")
	}
	if s.BidGraceDays < 1 || s.BidGraceDays > 90 {
		bad("CERTLINK_BID_GRACE_DAYS must be from 1 to 90")
	}
}

// renewing is 续费 and 延期, and the guard of encrypted bids before them.
type renewing struct {
	Bids     *bids.Ledger
	Renewals *renewal.Service
	siting
}

// openRenewal wires renewal and extension, and gives their purposes.
func (p *Program) openRenewal(c mobilecert.Config, certificates *mobilecert.Certificates, bindings *mobilecert.Bindings) []confirm.Purpose {
	s := &p.Settings
	p.Bids = bids.New(bids.Config{Store: p.Store, Clock: p.Clock, Catalogue: p.Catalogue, Certificates: certificates, Bindings: bindings,
		Grace: days(s.BidGraceDays)})
	p.Renewals = renewal.New(renewal.Config{
		Store: p.Store, Clock: p.Clock, Catalogue: p.Catalogue, Certificates: certificates, Bindings: bindings,
		Bids: p.Bids, Faces: p.faces, Orders: till{p}, Site: p.site, Terms: p.renewalTerms(c.Products),
		Window: renewal.Window{Before: days(s.RenewDaysBefore), After: days(s.RenewDaysAfter)},
	})
	p.Told(renewal.SubjectKind, p.Renewals.CarryOrder)
	return []confirm.Purpose{bids.NewAcknowledge(p.Bids), renewal.NewExtend(p.Renewals), renewal.NewReplace(p.Renewals)}
}

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

// demoRenewalFen is what the renewal of a demo certificate costs: something, so
// that the way to the cashier is seen.
const demoRenewalFen = 20000

// renewalTerms are what renewals cost: the price of one term, as when applying.
func (p *Program) renewalTerms(products *mobilecert.Products) func(string) (renewal.Terms, bool) {
	demo := map[string]*mobilecert.Product{}
	for _, q := range products.List() {
		if q.Demo {
			demo[q.ID] = q
		}
	}
	return func(id string) (renewal.Terms, bool) {
		if id == mobilecert.DemoUKeyProduct && p.Settings.Demo {
			return renewal.Terms{PriceFen: demoRenewalFen, Term: days(365), Key: renewal.SameKey}, true
		}
		price := int64(demoRenewalFen)
		q := demo[id]
		if q == nil {
			offered, err := p.Catalogue.Offered(id)
			if err != nil {
				return renewal.Terms{}, false
			}
			q, price = offered, offered.Offer.PriceFen
		}
		key := renewal.NewKey
		if q.KeepKey {
			key = renewal.SameKey
		}
		return renewal.Terms{PriceFen: price, Term: q.Term, Key: key, Name: q.Name}, true
	}
}

// till is the cashier as renewals know it.
type till struct{ p *Program }

func (t till) Open(ctx context.Context, r renewal.OrderRequest) (string, error) {
	o, err := t.p.Orders.Open(ctx, cashier.OrderRequest{
		Subject: cashier.Subject{Kind: renewal.SubjectKind, ID: r.Renewal}, Account: r.Account, Organisation: r.Organisation,
		Lines: []cashier.Line{{Name: "CA证书续费", Category: "CA证书服务", Unit: "个", Quantity: 1, UnitFen: r.PriceFen}},
	})
	if err != nil {
		return "", fmt.Errorf("the order of renewal %s: %w", r.Renewal, err)
	}
	return o.ID, nil
}

// renewalHandlers carry out what renewals, extensions and bids owe.
func (p *Program) renewalHandlers() map[string]push.Handler {
	return map[string]push.Handler{
		mobilecert.EffectSupersede: p.Renewals.CarrySuccessor,
		renewal.EffectErased:       p.Renewals.CarryErased,
		mobilecert.EffectRevoked:   p.Renewals.CarryRevoked,
		bids.EffectGuard:           p.Bids.CarryGuard,
		bids.EffectAcknowledged:    p.Renewals.CarryAcknowledged,
	}
}

// renewalSchema is what these rooms keep.
func renewalSchema() []store.Collection {
	return slices.Concat(bids.Collections(), renewal.Collections(), sandbox.Collections())
}

// Told names the room that hears of the orders of one kind.
func (p *Program) Told(kind string, carry push.Handler) {
	if p.subjects == nil {
		p.subjects = map[string]push.Handler{}
	}
	p.subjects[kind] = carry
}
