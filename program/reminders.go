package program

import (
	"context"
	"strconv"
	"strings"
	"time"

	"certlink/mobilecert"
	"certlink/mobilecert/renewal"
	"certlink/push"
	"certlink/store"
)

// openReminders wires the scheduler, once the rooms are there that it asks.
func (p *Program) openReminders() {
	quiet := push.Hours{From: p.Settings.QuietFrom, To: p.Settings.QuietTo}
	p.reminders = push.NewReminders(p.Store, p.Clock, quiet, unextended{p.Renewals}, expiring{p.Certificates}, elsewhere{p})
}

// firstMark is when the first reminder is due.
var firstMark = time.Duration(push.Marks[0]) * 24 * time.Hour

// expiring are the certificates whose term ends soon.
type expiring struct{ certificates *mobilecert.Certificates }

func (e expiring) Due(ctx context.Context, now time.Time, after store.Cursor) ([]push.Due, store.Cursor, error) {
	list, next, err := e.certificates.Expiring(ctx, now, firstMark, after)
	var due []push.Due
	for _, c := range list {
		if mark := push.MarkOf(c.NotAfter.Sub(now)); mark != "" {
			due = append(due, push.Due{Subject: c.ID, Mark: mark, Account: c.Account.ID, Key: "certificate_expires"})
		}
	}
	return due, next, err
}

// elsewhere are the bound certificates that were not issued here: they end as others
// do, and are renewed by their own authority.
type elsewhere struct{ p *Program }

func (e elsewhere) Due(ctx context.Context, now time.Time, after store.Cursor) ([]push.Due, store.Cursor, error) {
	list, next, err := e.p.Bindings.Expiring(ctx, now, firstMark, after)
	var due []push.Due
	for _, b := range list {
		if mark := push.MarkOf(b.Certificate.NotAfter.Sub(now)); mark != "" {
			due = append(due, push.Due{Subject: b.ID + "." + b.Certificate.Serial, Mark: mark, Account: b.Account.ID, Key: boundExpires})
		}
	}
	return due, next, err
}

const boundExpires = "bound_expires"

// whereToRenew is what the letter about certificates from elsewhere says more: which
// authorities to call.
func (p *Program) whereToRenew(ctx context.Context, key, account string) (zh, en []string, err error) {
	if key != boundExpires {
		return nil, nil, nil
	}
	bound, err := p.Bindings.Active(ctx, account)
	if err != nil {
		return nil, nil, err
	}
	for _, b := range bound {
		left := b.Certificate.NotAfter.Sub(p.Clock())
		if !b.Elsewhere || push.MarkOf(left) == "" {
			continue
		}
		until := b.Certificate.NotAfter.In(shanghai).Format("2006-01-02")
		phones := p.Catalogue.PhonesOf(b.Provider)
		zh = append(zh, b.ProviderName.ZH+"（"+until+" 到期）服务电话："+strings.Join(phones, "、"))
		en = append(en, b.ProviderName.EN+" (until "+until+"), telephone: "+strings.Join(phones, ", "))
	}
	return zh, en, nil
}

// shanghai has had no other time since 1991; no zone table is needed.
var shanghai = time.FixedZone("Asia/Shanghai", 8*3600)

// unextended are the renewals that were paid for and not yet extended.
type unextended struct{ renewals *renewal.Service }

// unextendedDays are the days after the payment on which the holder is reminded;
// from the last of them on, each week.
var unextendedDays = []int{1, 3, 7, 14}

func (u unextended) Due(ctx context.Context, now time.Time, after store.Cursor) ([]push.Due, store.Cursor, error) {
	list, next, err := u.renewals.Unextended(ctx, after)
	var due []push.Due
	for _, n := range list {
		if n.PaidAt == nil {
			continue
		}
		if mark := paidMark(now.Sub(*n.PaidAt)); mark != "" {
			due = append(due, push.Due{Subject: n.ID, Mark: mark, Account: n.Account.ID, Key: "renewal_unextended"})
		}
	}
	return due, next, err
}

// paidMark is the reminder that stands so long after a payment, "" before the first.
func paidMark(since time.Duration) string {
	days := int(since / (24 * time.Hour))
	last := unextendedDays[len(unextendedDays)-1]
	if days >= last {
		return "paid" + strconv.Itoa(days-(days-last)%7)
	}
	mark := ""
	for _, d := range unextendedDays {
		if days >= d {
			mark = "paid" + strconv.Itoa(d)
		}
	}
	return mark
}
