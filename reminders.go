package main

import (
	"context"
	"strconv"
	"time"

	"certlink/mobilecert"
	"certlink/mobilecert/renewal"
	"certlink/push"
	"certlink/store"
)

// openReminders wires the scheduler, once the rooms are there that it asks.
func (p *program) openReminders() {
	quiet := push.Hours{From: p.settings.QuietFrom, To: p.settings.QuietTo}
	p.reminders = push.NewReminders(p.store, p.clock, quiet, unextended{p.renewals}, expiring{p.certificates})
}

// expiring are the certificates whose term ends soon.
type expiring struct{ certificates *mobilecert.Certificates }

func (e expiring) Due(ctx context.Context, now time.Time, after store.Cursor) ([]push.Due, store.Cursor, error) {
	first := time.Duration(push.Marks[0]) * 24 * time.Hour
	list, next, err := e.certificates.Expiring(ctx, now, first, after)
	var due []push.Due
	for _, c := range list {
		if mark := push.MarkOf(c.NotAfter.Sub(now)); mark != "" {
			due = append(due, push.Due{Subject: c.ID, Mark: mark, Account: c.Account.ID, Key: "certificate_expires"})
		}
	}
	return due, next, err
}

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
