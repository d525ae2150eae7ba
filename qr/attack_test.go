package qr_test

import (
	"context"
	"testing"
	"time"

	"certlink/confirm"
	"certlink/qr"
)

// Ended sessions whose effects nobody has carried out yet must stay, and must not
// keep the sweeper from those that come after them.
func TestSweepPassesWhatMustStay(t *testing.T) {
	w := newWorld(t)
	stuck := make([]*page, 250)
	for i := range stuck {
		stuck[i] = w.start()
		s := w.scan(stuck[i], "phone1")
		_, err := w.qr.Reject(ctx, s.ID, "phone1", s.Claim(), qr.Reason{Code: "not_now"})
		wantCode(t, err, nil)
	}
	w.clock.Advance(qr.DefaultTimes().Keep + time.Minute)
	late := w.start()
	w.clock.Advance(qr.DefaultTimes().Created + time.Second)
	within, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	wantCode(t, w.qr.Sweep(within), nil)
	// Read without the look at the clock that Owned takes: it was written.
	if d, err := w.store.Get(ctx, "qr_sessions", late.s.ID); err != nil || d.Index["open"] != "" {
		t.Errorf("the session behind them was not ended: %v, %v", d.Index, err)
	}
	if state := w.state(stuck[0]); state != confirm.StateRejected {
		t.Errorf("one whose effects are owed is %s", state)
	}
}

// "Not me" after a plain refusal of the same session counts against nobody: it is
// neither logged nor told, so it must not block either.
func TestNotMeAfterARefusal(t *testing.T) {
	w := newWorld(t)
	w.holding.Store(true)
	browser := ""
	for range 3 {
		p := w.start()
		if browser == "" {
			browser = p.secret
		} else { // the same account and browser each time
			s, err := w.qr.Start(ctx, qr.StartInput{Request: request("acc1"), Browser: browser})
			wantCode(t, err, nil)
			p = &page{browser, s}
		}
		s := w.scan(p, "phone1")
		_, err := w.qr.Reject(ctx, s.ID, "phone1", s.Claim(), qr.Reason{Code: "not_now"})
		wantCode(t, err, nil)
		s, err = w.qr.NotMe(ctx, s.ID, "phone1", s.Claim())
		wantCode(t, err, nil)
		if s.Reason.Code != "not_now" {
			t.Errorf("the reason is now %q", s.Reason.Code)
		}
	}
	_, err := w.qr.Start(ctx, qr.StartInput{Request: request("acc1"), Browser: browser})
	wantCode(t, err, nil)
}

// Somebody with a certificate of their own stands by and disowns whatever the screen
// shows: that locks nobody out. Three different people do.
func TestOneBystanderLocksNobodyOut(t *testing.T) {
	w := newWorld(t)
	w.holding.Store(true)
	browser := w.start().secret
	deny := func(device string) {
		t.Helper()
		s, err := w.qr.Start(ctx, qr.StartInput{Request: request("acc1"), Browser: browser})
		wantCode(t, err, nil)
		s = w.scan(&page{browser, s}, device)
		_, err = w.qr.NotMe(ctx, s.ID, device, s.Claim())
		wantCode(t, err, nil)
	}
	for range 10 {
		deny("bystander")
	}
	deny("phone2")
	deny("bystander")
	deny("phone3")
	_, err := w.qr.Start(ctx, qr.StartInput{Request: request("acc1"), Browser: browser})
	wantCode(t, err, qr.ErrPairBlocked)
}
