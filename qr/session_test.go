package qr_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"certlink/confirm"
	"certlink/internal/effect"
	"certlink/internal/fault"
	"certlink/internal/id"
	"certlink/qr"
	"certlink/store"
	"certlink/trust"
)

func TestScanSignDone(t *testing.T) {
	w := newWorld(t)
	p := w.start()
	s := w.scan(p, "phone1")
	if s.State != qr.Scanned || s.DeviceName != "手机 phone1" {
		t.Fatalf("after the scan: %s, %q", s.State, s.DeviceName)
	}
	done, err := w.qr.Confirm(ctx, s.ID, "phone1", s.Claim(), w.sign(w.holder, s.Confirmation.Statement))
	wantCode(t, err, nil)
	if done.State != confirm.StateConfirmed || done.Result.ID != s.StatementID() {
		t.Fatalf("after confirming: %s, %+v", done.State, done.Result)
	}
	w.onlyActs(1)
	if w.state(p) != confirm.StateConfirmed {
		t.Fatal("the page does not hear of it")
	}
	ev, err := w.engine.Evidence(ctx, s.StatementID())
	wantCode(t, err, nil)
	if !bytes.Equal(ev.Statement, s.Confirmation.Statement) || len(ev.SignatureDER) == 0 || len(ev.Chain) != 2 {
		t.Fatalf("the evidence is not whole: %d bytes of signature, %d certificates", len(ev.SignatureDER), len(ev.Chain))
	}
}

// Who waits hears what came of the act; that the signature was accepted, only where the
// act takes its time.
func TestOnlySlowActsAreToldAccepted(t *testing.T) {
	w := newWorld(t)
	told := func() (states []confirm.State, s *qr.Session, jws string) {
		p := w.start()
		s = w.scan(p, "phone1")
		page := w.qr.Watch(s.ID)
		defer page.Close()
		jws = w.sign(w.holder, s.Confirmation.Statement)
		ended := make(chan error, 1)
		go func() {
			_, err := w.qr.Confirm(ctx, s.ID, "phone1", s.Claim(), jws)
			ended <- err
		}()
		for {
			news := (<-page.C).(*qr.Session)
			states = append(states, news.State)
			if news.State.Over() {
				wantCode(t, <-ended, nil)
				return states, news, jws
			}
		}
	}
	states, s, jws := told()
	if !slices.Equal(states, []confirm.State{confirm.StateConfirmed}) {
		t.Errorf("a quick act: %v", states)
	}
	// The evidence holds the signature from then on; the same one is known by its hash.
	if c := &s.Confirmation; c.JWS != "" || c.Signed == "" {
		t.Errorf("the ended session holds %+v", c)
	}
	for _, same := range []string{jws, w.sign(w.holder, s.Confirmation.Statement)} {
		again, err := w.qr.Confirm(ctx, s.ID, "phone1", s.Claim(), same)
		wantCode(t, err, nil)
		if again.Result == nil || again.Result.ID != s.Result.ID {
			t.Errorf("%+v", again.Result)
		}
	}
	ev, err := w.engine.Evidence(ctx, s.StatementID())
	wantCode(t, err, nil)
	if ev.JWS != jws || !bytes.Equal(ev.Statement, s.Confirmation.Statement) || len(ev.Chain) < 2 {
		t.Errorf("%+v", ev)
	}
	w.act.fail = func() error { time.Sleep(time.Second); return nil }
	if states, _, _ = told(); !slices.Equal(states, []confirm.State{confirm.StateAccepted, confirm.StateConfirmed}) {
		t.Errorf("a slow act: %v", states)
	}
}

func TestOnePhoneWins(t *testing.T) {
	w := newWorld(t)
	p := w.start()
	code := w.code(p)
	var wg sync.WaitGroup
	errs := make([]error, 50)
	for i := range errs {
		wg.Go(func() { _, errs[i] = w.server().Scan(ctx, "phone"+string(rune('A'+i)), code) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, qr.ErrTaken) {
			t.Fatalf("a loser was told %v", err)
		}
	}
	if won != 1 {
		t.Fatalf("%d phones won", won)
	}
}

func TestTheSamePhoneAsksAgain(t *testing.T) {
	w := newWorld(t)
	p := w.start()
	code := w.code(p)
	first := w.scan(p, "phone1")
	w.clock.Advance(20 * time.Second) // the reply was lost; the code is stale by now
	again, err := w.qr.Scan(ctx, "phone1", code)
	wantCode(t, err, nil)
	if again.Claim() != first.Claim() || !bytes.Equal(again.Confirmation.Statement, first.Confirmation.Statement) {
		t.Fatal("the same phone got another answer")
	}
	_, err = w.qr.Scan(ctx, "phone2", code)
	if !errors.Is(err, qr.ErrCodeStale) && !errors.Is(err, qr.ErrTaken) {
		t.Fatalf("another phone got %v", err)
	}
}

func TestFiftyConfirmationsAreOneAct(t *testing.T) {
	w := newWorld(t)
	p := w.start()
	s := w.scan(p, "phone1")
	servers := []*qr.Service{w.qr, w.server(), w.server()}
	var wg sync.WaitGroup
	answers := make([]string, 50)
	for i := range answers {
		jws := w.sign(w.holder, s.Confirmation.Statement) // each a different signature
		wg.Go(func() {
			done, err := servers[i%3].Confirm(ctx, s.ID, "phone1", s.Claim(), jws)
			if err != nil {
				t.Error(err)
				return
			}
			b, _ := json.Marshal(done.Result)
			answers[i] = string(done.State) + string(b)
		})
	}
	wg.Wait()
	for _, a := range answers {
		if a != answers[0] || !strings.HasPrefix(a, "confirmed") {
			t.Fatalf("answers differ: %s and %s", a, answers[0])
		}
	}
	w.onlyActs(1)
	// Long after, with a fresh signature, still the same; with another's, not.
	again, err := w.qr.Confirm(ctx, s.ID, "phone1", s.Claim(), w.sign(w.holder, s.Confirmation.Statement))
	wantCode(t, err, nil)
	if again.State != confirm.StateConfirmed {
		t.Fatal(again.State)
	}
	_, err = w.qr.Confirm(ctx, s.ID, "phone1", s.Claim(), w.sign(w.other, s.Confirmation.Statement))
	wantCode(t, err, confirm.ErrSignerMismatch)
	_, err = w.qr.Confirm(ctx, s.ID, "phone1", s.Claim(), w.sign(w.holder, append([]byte(nil), bytes.Replace(s.Confirmation.Statement, []byte("张伟"), []byte("张三"), 1)...)))
	wantCode(t, err, confirm.ErrStatementMismatch)
}

func TestCodeFreshness(t *testing.T) {
	w := newWorld(t)
	p := w.start()
	photo := w.code(p)
	w.clock.Advance(5 * time.Second)
	fresh := w.code(p)
	if fresh == photo {
		t.Fatal("the code does not change")
	}
	w.clock.Advance(100 * time.Millisecond)
	_, err := w.qr.Scan(ctx, "phone1", photo)
	wantCode(t, err, qr.ErrCodeStale)
	w.clock.Advance(-4 * time.Second) // a server whose clock is behind
	_, err = w.qr.Scan(ctx, "phone1", fresh)
	wantCode(t, err, qr.ErrCodeAhead)
	w.clock.Advance(2 * time.Second)
	_, err = w.qr.Scan(ctx, "phone1", fresh)
	wantCode(t, err, nil)
}

func TestAChangedCodeIsWorthless(t *testing.T) {
	w := newWorld(t)
	p := w.start()
	code := w.code(p)
	for i := len(origin) + 3; i < len(code); i++ {
		for _, c := range []byte{'A', 'b', '7', '.', 'L'} {
			if code[i] == c {
				continue
			}
			changed := code[:i] + string(c) + code[i+1:]
			if _, err := w.qr.Scan(ctx, "phone1", changed); err == nil {
				t.Fatalf("accepted with %q at %d", c, i)
			} else if f := fault.Of(err); f == nil || f.Kind == fault.Internal {
				t.Fatalf("position %d: %v", i, err)
			}
		}
	}
	if w.state(p) != qr.Created {
		t.Fatal("a changed code changed the session")
	}
	_, err := w.qr.Scan(ctx, "phone1", strings.Replace(code, "ca.example", "evil.example", 1))
	wantCode(t, err, qr.ErrCodeElsewhere)
	if len(code) > qr.MaxLink {
		t.Fatalf("the link has %d characters", len(code))
	}
}

func TestExpiryAndCancel(t *testing.T) {
	w := newWorld(t)
	unscanned, scanned, cancelled := w.start(), w.start(), w.start()
	s := w.scan(scanned, "phone1")
	_, err := w.qr.Cancel(ctx, cancelled.s.ID, cancelled.secret)
	wantCode(t, err, nil)
	_, err = w.qr.Scan(ctx, "phone1", w.code(&page{s: cancelled.s}))
	wantCode(t, err, qr.ErrOver)
	w.clock.Advance(61 * time.Second)
	if w.state(unscanned) != confirm.StateExpired || w.state(scanned) != qr.Scanned {
		t.Fatal("60 s without a scan, 180 s after one")
	}
	w.clock.Advance(120 * time.Second)
	_, err = w.qr.Confirm(ctx, s.ID, "phone1", s.Claim(), w.sign(w.holder, s.Confirmation.Statement))
	wantCode(t, err, qr.ErrExpired)
	wantCode(t, w.qr.Sweep(ctx), nil)
	if w.state(scanned) != confirm.StateExpired {
		t.Fatal("not swept")
	}
	w.onlyActs(0)
	w.clock.Advance(25 * time.Hour)
	wantCode(t, w.qr.Sweep(ctx), nil)
	if _, err := w.store.Get(ctx, "qr_sessions", unscanned.s.ID); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("not purged: %v", err)
	}
}

func TestStrangersLearnNothing(t *testing.T) {
	w := newWorld(t)
	p := w.start()
	s := w.scan(p, "phone1")
	for _, secret := range []string{"", "x", p.s.ID, s.Claim()} {
		_, err := w.qr.Owned(ctx, p.s.ID, secret)
		wantCode(t, err, qr.ErrUnknown)
		_, absent := w.qr.Owned(ctx, id.Secret(16), secret)
		if err.Error() != absent.Error() {
			t.Fatal("a stranger can tell whether a session exists")
		}
		_, err = w.qr.Cancel(ctx, p.s.ID, secret)
		wantCode(t, err, qr.ErrUnknown)
	}
	// Another phone, or this one without the claim, cannot go on.
	jws := w.sign(w.holder, s.Confirmation.Statement)
	_, err := w.qr.Confirm(ctx, s.ID, "phone2", s.Claim(), jws)
	wantCode(t, err, qr.ErrClaim)
	_, err = w.qr.Confirm(ctx, s.ID, "phone1", "", jws)
	wantCode(t, err, qr.ErrClaim)
	w.onlyActs(0)
}

func TestTheDigitsComeFirst(t *testing.T) {
	w := newWorld(t)
	w.act.match = true
	p := w.start()
	s := w.scan(p, "phone1")
	jws := w.sign(w.holder, s.Confirmation.Statement)
	_, err := w.qr.Confirm(ctx, s.ID, "phone1", s.Claim(), jws)
	wantCode(t, err, qr.ErrMatchPending)
	wrong := "00"
	if s.Match.Digits == wrong {
		wrong = "01"
	}
	_, err = w.qr.MatchDigits(ctx, s.ID, p.secret, wrong)
	wantCode(t, err, qr.ErrMatchWrong)
	_, err = w.qr.MatchDigits(ctx, s.ID, p.secret, s.Match.Digits)
	wantCode(t, err, nil)
	done, err := w.qr.Confirm(ctx, s.ID, "phone1", s.Claim(), jws)
	wantCode(t, err, nil)
	if done.State != confirm.StateConfirmed {
		t.Fatal(done.State)
	}

	q := w.start()
	s = w.scan(q, "phone1")
	wrong = "00"
	if s.Match.Digits == wrong {
		wrong = "01"
	}
	for range 2 {
		_, err = w.qr.MatchDigits(ctx, s.ID, q.secret, wrong)
		wantCode(t, err, qr.ErrMatchWrong)
	}
	_, err = w.qr.MatchDigits(ctx, s.ID, q.secret, wrong)
	wantCode(t, err, qr.ErrMatchFailed)
	if w.state(q) != confirm.StateFailed {
		t.Fatal("three misses do not end it")
	}
	w.onlyActs(1)
}

func TestTypedCode(t *testing.T) {
	w := newWorld(t)
	p := w.start()
	s, err := w.qr.TypedCode(ctx, p.s.ID, p.secret)
	wantCode(t, err, nil)
	code := s.Typed.Code
	again, err := w.qr.TypedCode(ctx, p.s.ID, p.secret)
	wantCode(t, err, nil)
	if again.Typed.Code != code {
		t.Fatal("asking again changes the code")
	}
	typed := strings.ToLower(strings.NewReplacer("0", "O", "1", "l", "-", " ").Replace(code))
	got, err := w.qr.ScanTyped(ctx, "phone1", typed)
	wantCode(t, err, nil)
	if !got.Match.Required || got.Match.Digits == "" {
		t.Fatal("a typed code without the digits")
	}
	_, err = w.qr.ScanTyped(ctx, "phone2", code)
	wantCode(t, err, qr.ErrTypedWrong)

	// Fifty wrong guesses at once buy no more than five.
	q := w.start()
	s, err = w.qr.TypedCode(ctx, q.s.ID, q.secret)
	wantCode(t, err, nil)
	right := s.Typed.Code
	wrong := right[:6] + "00000"
	if wrong == right {
		wrong = right[:6] + "11111"
	}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := w.qr.ScanTyped(ctx, "phone3", wrong); err == nil {
				t.Error("a wrong code was accepted")
			}
		})
	}
	wg.Wait()
	_, err = w.qr.ScanTyped(ctx, "phone3", right)
	wantCode(t, err, qr.ErrTypedLocked)
	w.clock.Advance(181 * time.Second)
	if w.state(q) != confirm.StateExpired {
		t.Fatal("a typed code outlives its 180 s")
	}
}

func TestSameDeviceLink(t *testing.T) {
	w := newWorld(t)
	p := w.start()
	old, _, err := w.qr.SameDeviceLink(ctx, p.s.ID, p.secret)
	wantCode(t, err, nil)
	link, until, err := w.qr.SameDeviceLink(ctx, p.s.ID, p.secret)
	wantCode(t, err, nil)
	if !until.Equal(w.clock.Now().Add(time.Minute)) || len(link) > qr.MaxLink {
		t.Fatal(until, len(link))
	}
	_, err = w.qr.Scan(ctx, "phone1", old)
	wantCode(t, err, qr.ErrCodeStale) // a new one replaces it
	_, err = w.qr.Scan(ctx, "phone1", link)
	wantCode(t, err, nil)
	_, err = w.qr.Scan(ctx, "phone2", link)
	wantCode(t, err, qr.ErrCodeStale)
	_, _, err = w.qr.SameDeviceLink(ctx, p.s.ID, "stranger")
	wantCode(t, err, qr.ErrUnknown)
}

func TestRejectAndNotMe(t *testing.T) {
	w := newWorld(t)
	p := w.start()
	s := w.scan(p, "phone1")
	_, err := w.qr.Reject(ctx, s.ID, "phone1", s.Claim(), qr.Reason{Code: "because"})
	wantCode(t, err, qr.ErrReason)
	for range 2 { // the second: the reply was lost
		got, err := w.qr.Reject(ctx, s.ID, "phone1", s.Claim(), qr.Reason{Code: "wrong_account", Text: "不是我"})
		wantCode(t, err, nil)
		if got.State != confirm.StateRejected || got.Reason.Code != "wrong_account" {
			t.Fatalf("%s %+v", got.State, got.Reason)
		}
	}
	_, err = w.qr.Confirm(ctx, s.ID, "phone1", s.Claim(), w.sign(w.holder, s.Confirmation.Statement))
	wantCode(t, err, qr.ErrOver)

	// Bystanders' words count for nothing; three from the account's own phone block the
	// pair.
	secret := id.Hash(id.Secret(32))
	begin := func(secret string) (*qr.Session, error) {
		return w.qr.Start(ctx, qr.StartInput{Request: request("acc1"), Browser: secret})
	}
	for i := range 6 {
		w.holding.Store(i >= 3)
		s, err := begin(secret)
		wantCode(t, err, nil)
		s = w.scan(&page{s: s}, "phone1")
		s, err = w.qr.NotMe(ctx, s.ID, "phone1", s.Claim())
		wantCode(t, err, nil)
		if s.Reason.Code != "not_me" || len(s.Pending) != 3 {
			t.Fatalf("%+v owes %d effects", s.Reason, len(s.Pending))
		}
		if s.Pending[1].Kind != effect.Webhook {
			t.Fatal("no webhook is owed")
		}
	}
	_, err = begin(secret)
	wantCode(t, err, qr.ErrPairBlocked)
	_, err = begin(id.Hash("another browser"))
	wantCode(t, err, nil)
	w.clock.Advance(16 * time.Minute)
	_, err = begin(secret)
	wantCode(t, err, nil)
	w.onlyActs(0)
}

func TestACrashInAcceptedIsFinishedLater(t *testing.T) {
	w := newWorld(t)
	p := w.start()
	s := w.scan(p, "phone1")
	w.act.fail = func() error { return store.ErrUnavailable }
	got, err := w.qr.Confirm(ctx, s.ID, "phone1", s.Claim(), w.sign(w.holder, s.Confirmation.Statement))
	wantCode(t, err, nil)
	if got.State != confirm.StateAccepted {
		t.Fatalf("%s, though nothing was done", got.State)
	}
	// The holder cannot take back what is accepted, and time does not run out.
	_, err = w.qr.Reject(ctx, s.ID, "phone1", s.Claim(), qr.Reason{Code: "not_now"})
	wantCode(t, err, qr.ErrOver)
	w.clock.Advance(10 * time.Minute)
	restarted := w.server()
	wantCode(t, restarted.Sweep(ctx), nil)
	if w.state(p) != confirm.StateAccepted {
		t.Fatal("still failing, and no longer accepted")
	}
	w.act.fail = nil
	w.clock.Advance(10 * time.Minute)
	wantCode(t, restarted.Sweep(ctx), nil)
	if w.state(p) != confirm.StateConfirmed {
		t.Fatal("not finished after the restart")
	}
	w.onlyActs(1)
}

func TestRefusedAtTheMomentOfActing(t *testing.T) {
	w := newWorld(t)
	p := w.start()
	s := w.scan(p, "phone1")
	w.locked.Store("acc1", true) // after the scan
	_, err := w.qr.Confirm(ctx, s.ID, "phone1", s.Claim(), w.sign(w.holder, s.Confirmation.Statement))
	wantCode(t, err, errLocked)
	w.locked.Clear()

	w.act.fail = func() error { w.locked.Store("acc1", true); return store.ErrUnavailable }
	_, err = w.qr.Confirm(ctx, s.ID, "phone1", s.Claim(), w.sign(w.holder, s.Confirmation.Statement))
	wantCode(t, err, nil) // accepted; then the account is locked
	w.clock.Advance(time.Minute)
	wantCode(t, w.qr.Sweep(ctx), nil)
	got, err := w.qr.Owned(ctx, s.ID, p.secret)
	wantCode(t, err, nil)
	if got.State != confirm.StateFailed || got.Failure.Code != errLocked.Code {
		t.Fatalf("%s %+v", got.State, got.Failure)
	}
	w.onlyActs(0)
}

func TestNewKeyComesBeforeTheStatement(t *testing.T) {
	w := newWorld(t)
	w.act.device = true
	p := w.start()
	s := w.scan(p, "phone1")
	if s.Confirmation.Statement != nil {
		t.Fatal("a statement without the key it must name")
	}
	_, err := w.qr.Confirm(ctx, s.ID, "phone1", s.Claim(), "a.b.c")
	wantCode(t, err, confirm.ErrKeyRequired)
	_, err = w.qr.Key(ctx, s.ID, "phone1", s.Claim(), []byte("no request"))
	wantCode(t, err, trust.ErrCSR)
}

func TestTooManyOpen(t *testing.T) {
	w := newWorld(t)
	for range 5 {
		w.start()
	}
	_, err := w.qr.Start(ctx, qr.StartInput{Request: request("acc1"), Browser: "b"})
	wantCode(t, err, qr.ErrTooMany)
	_, err = w.qr.Start(ctx, qr.StartInput{Request: request("acc2"), Browser: "b"})
	wantCode(t, err, nil)
	w.clock.Advance(2 * time.Minute)
	wantCode(t, w.qr.Sweep(ctx), nil)
	w.start()
}

func TestHintsTellWhatDiffers(t *testing.T) {
	w := newWorld(t)
	p := w.start()
	s := w.scan(p, "phone1")
	if len(s.Hints) != 1 || s.Hints[0].Kind != "first_time" {
		t.Fatalf("%+v", s.Hints)
	}
	_, err := w.qr.Confirm(ctx, s.ID, "phone1", s.Claim(), w.sign(w.holder, s.Confirmation.Statement))
	wantCode(t, err, nil)
	w.clock.Advance(time.Second)
	r := request("acc1")
	r.Requester.IP = "198.51.100.9"
	next, err := w.qr.Start(ctx, qr.StartInput{Request: r, Browser: "b"})
	wantCode(t, err, nil)
	s = w.scan(&page{s: next}, "phone1")
	if len(s.Hints) != 1 || s.Hints[0].Field != "requester.ip" || s.Hints[0].Was != "192.0.2.1" {
		t.Fatalf("%+v", s.Hints)
	}
}

func FuzzParseCode(f *testing.F) {
	f.Add(origin + "/q/bAAAAAAAAAAAAAAAAAAAAAA.12.AAAAAAAAAAAAAAAAAAAAAA")
	f.Add(origin + "/q/bAAAAAAAAAAAAAAAAAAAAAA.LAAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA")
	f.Add("https://x/q/..")
	f.Fuzz(func(t *testing.T, link string) {
		c, err := qr.ParseCode(origin, link)
		if (c == nil) == (err == nil) {
			t.Fatal("neither a code nor an error, or both")
		}
		if err != nil && fault.Of(err) == nil {
			t.Fatalf("no code for %v", err)
		}
		if c != nil && (c.Counter < 0 || len(c.Token) != 22) {
			t.Fatalf("%+v", c)
		}
	})
}

func FuzzNormaliseTyped(f *testing.F) {
	f.Add("7k3qx-m2p9t")
	f.Add("OIL00 OIL00")
	f.Fuzz(func(t *testing.T, typed string) {
		name, secret, err := qr.NormaliseTyped(typed)
		if err != nil {
			return
		}
		again, _, err := qr.NormaliseTyped(name + secret)
		if err != nil || again != name || len(name) != 5 || len(secret) != 5 {
			t.Fatalf("%q gave %q %q, %v", typed, name, secret, err)
		}
	})
}
