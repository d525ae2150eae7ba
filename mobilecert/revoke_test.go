package mobilecert

import (
	"strings"
	"testing"
	"time"
)

func TestRecordsOfRevocation(t *testing.T) {
	w := newWorld(t)
	phone := newHandset(t)
	_, good := w.collected("li", "demo-p256", phone)
	_, lost := w.collected("li", "demo-p256", phone)
	_, gone := w.collected("li", "demo-sm2", phone)
	start := w.clock.Now()
	w.clock.Advance(time.Second)

	_, err := w.certs.RevokeBy(ctx, lost.ID, Who{Account: "admin2", Organisation: "elsewhere", Admin: true}, KeyCompromise)
	refused(t, err, ErrNotYourOrganisation)
	_, err = w.certs.RevokeBy(ctx, lost.ID, Who{Account: "zhao", Organisation: lost.Account.OrganisationID}, KeyCompromise)
	refused(t, err, ErrNotYourAccount)
	revoked, err := w.certs.RevokeBy(ctx, lost.ID, Who{Account: "li", Name: "李娜"}, KeyCompromise)
	check(t, err)
	if revoked.State != Revoked || revoked.Reason != KeyCompromise || revoked.Reason.Code() != 1 {
		t.Errorf("revoked %+v", revoked)
	}
	w.clock.Advance(time.Second)
	_, err = w.certs.Revoke(ctx, gone.ID, Actor{ID: "op"}, PrivilegeWithdrawn)
	check(t, err)

	r, err := w.certs.Recorded(ctx, good.Serial)
	check(t, err)
	if r == nil || r.Revoked || r.Issuer != IssuerID(good.Chain[0]) {
		t.Errorf("a certificate in force is recorded as %+v", r)
	}
	r, err = w.certs.Recorded(ctx, lost.Serial)
	check(t, err)
	if r == nil || !r.Revoked || r.Reason != KeyCompromise || !r.At.Equal(*revoked.EndedAt) || r.Issuer != IssuerID(lost.Chain[0]) {
		t.Errorf("a revoked certificate is recorded as %+v", r)
	}
	if r, err = w.certs.Recorded(ctx, lost.Serial[:30]); r != nil || err != nil {
		t.Errorf("part of a serial number finds %+v, %v", r, err)
	}
	c, err := w.certs.BySerial(ctx, strings.ToUpper(gone.Serial))
	check(t, err)
	if c.ID != gone.ID {
		t.Errorf("found %s by the serial number of %s", c.ID, gone.ID)
	}
	_, err = w.certs.BySerial(ctx, "00")
	refused(t, err, ErrCertificateUnknown)

	var all, late []string
	check(t, w.certs.EachRevoked(ctx, time.Time{}, func(r *Record) { all = append(all, r.Serial) }))
	check(t, w.certs.EachRevoked(ctx, start.Add(1500*time.Millisecond), func(r *Record) { late = append(late, r.Serial) }))
	// The SM2 certificate is one of a pair, and takes its twin along.
	if len(all) != 3 || all[0] != lost.Serial || all[1] != gone.Serial || all[2] != gone.Twin.Serial || len(late) != 2 || late[0] != gone.Serial {
		t.Errorf("revoked: %v, lately %v", all, late)
	}
	for content, want := range map[string]CertificateState{good.Content: Issued, lost.Content: Revoked, strings.Repeat("0", 64): ""} {
		if id, state, err := w.certs.StateOf(ctx, content); (id == "") != (want == "") || state != want || err != nil {
			t.Errorf("%s is %q, %v; want %q", content[:8], state, err, want)
		}
	}
}
