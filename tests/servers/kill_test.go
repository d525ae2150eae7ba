package servers

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"certlink/account"
	"certlink/phone"
	"certlink/program/programtest"
)

// A server killed at random moments, again and again: no confirmation that was
// answered is lost, none is done twice, and each flow that was cut off can be
// finished or is refused cleanly. CERTLINK_KILLS says how often.
func TestKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		killed(t, 6)
	})
	t.Run("mongo", func(t *testing.T) {
		t.Parallel()
		uri, database := newMongo(t)
		killed(t, 3, "CERTLINK_STORE="+uri, "CERTLINK_DATABASE="+database)
	})
}

func killed(t *testing.T, kills int, env ...string) {
	srv := newProcess(t, env...)
	srv.start()
	endures(t, srv, kills, 300*time.Millisecond, 1200*time.Millisecond,
		workers(t, srv.origin, "admin", "zhangwei", "zhangwei2", "lina", "admin2", "zhoutao"))
}

// course is what somebody does over and over, and how they leave things in the end.
type course interface {
	flow(ctx context.Context)
	settle(ctx context.Context)
}

// meanwhile has everybody go their course over and over while disturb runs, and counts
// the courses that ended.
func meanwhile[C course](t *testing.T, all []C, disturb func()) int {
	t.Helper()
	ctx := t.Context()
	var done, stop atomic.Int64
	var wg sync.WaitGroup
	for _, c := range all {
		wg.Go(func() {
			for stop.Load() == 0 && !t.Failed() {
				c.flow(ctx)
				done.Add(1)
			}
			c.settle(ctx)
		})
	}
	disturb()
	stop.Store(1)
	wg.Wait()
	return int(done.Load())
}

// endures is meanwhile with a server that is killed so many times, or as CERTLINK_KILLS
// says, each time after a while between least and most.
func endures[C course](t *testing.T, srv *process, kills int, least, most time.Duration, all []C) {
	t.Helper()
	if n, err := strconv.Atoi(os.Getenv("CERTLINK_KILLS")); err == nil {
		kills = n
	}
	done := meanwhile(t, all, func() {
		for range kills {
			time.Sleep(least + rand.N(most-least))
			srv.kill()
			srv.start()
		}
	})
	t.Logf("%d flows over %d kills", done, kills)
	if done < kills {
		t.Errorf("only %d flows ended", done)
	}
}

// worker is a person with a portal open, a phone in hand and a certificate on it.
type worker struct {
	t      *testing.T
	login  string
	portal *programtest.Portal
	phone  *phone.Phone
	key    *phone.Key
}

func workers(t *testing.T, origin string, logins ...string) (all []*worker) {
	t.Helper()
	for _, login := range logins {
		all = append(all, newWorker(t, t.Context(), origin, login))
	}
	return all
}

func newWorker(t *testing.T, ctx context.Context, origin, login string) *worker {
	t.Helper()
	w := &worker{t: t, login: login}
	var err error
	if w.portal, err = programtest.SignIn(ctx, origin, login, account.DemoPassword); err != nil {
		t.Fatal(err)
	}
	if w.phone, err = phone.New(origin); err != nil {
		t.Fatal(err)
	}
	if err := w.phone.Register(ctx, "手机 "+login); err != nil {
		t.Fatal(err)
	}
	if err := w.phone.SetPIN(ctx, "274918"); err != nil {
		t.Fatal(err)
	}
	w.key = enrolls(t, w.portal, w.phone)
	return w
}

// enrolls gives a phone a certificate of the account that is signed in.
func enrolls(t *testing.T, portal *programtest.Portal, p *phone.Phone) *phone.Key {
	t.Helper()
	ctx := t.Context()
	s, err := portal.Start(ctx, map[string]string{"purpose": "enroll", "product": "demo-p256"})
	if err != nil {
		t.Fatal(err)
	}
	key, err := p.Enroll(ctx, s.Code, func(claimed *phone.Session) error { return portal.Match(ctx, s.ID, claimed.Match.Digits) })
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// try repeats what went unanswered, as a person would who presses again.
func (w *worker) try(what string, do func() error) error {
	deadline := time.Now().Add(90 * time.Second)
	for {
		err := do()
		var refused *programtest.Refusal
		var problem *phone.Problem
		switch {
		case err == nil:
			return nil
		case errors.As(err, &refused) && refused.Status != 503 && refused.Status != 429:
			return err
		case errors.As(err, &problem) && problem.Status != 503 && problem.Status != 429:
			return err
		case time.Now().After(deadline):
			w.t.Errorf("%s: %s never worked again: %v", w.login, what, err)
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// flow binds and unbinds once. What the server has confirmed must be there.
func (w *worker) flow(ctx context.Context) {
	var s *programtest.Session
	if err := w.try("start", func() (err error) {
		s, err = w.portal.Start(ctx, map[string]string{"purpose": "bind", "provider": "huixin"})
		return err
	}); err != nil {
		w.refused("start", err, "account_slot_taken", "sessions_too_many")
		w.unbind(ctx)
		return
	}
	var claimed *phone.Session
	if err := w.try("scan", func() (err error) {
		claimed, err = w.phone.Scan(ctx, s.Code)
		return err
	}); err != nil {
		w.refused("scan", err, "code_stale", "session_expired")
		return
	}
	jws, err := w.phone.Sign(claimed, w.key)
	if err != nil {
		w.t.Errorf("%s: %v", w.login, err)
		return
	}
	if err := w.try("confirm", func() error { return w.phone.Send(ctx, claimed, jws) }); err != nil {
		w.refused("confirm", err, "session_expired", "session_over")
		return
	}
	// Accepted is owed, confirmed is done; either way the end is confirmed, and
	// this binding and no other is there.
	id := s.ID
	deadline := time.Now().Add(60 * time.Second)
	for s.State != "confirmed" && time.Now().Before(deadline) {
		if err := w.try("read", func() (err error) {
			s, err = w.portal.Read(ctx, id)
			return err
		}); err != nil {
			w.t.Errorf("%s: the session that was confirmed cannot be read: %v", w.login, err)
			return
		}
		if s.Failure != nil {
			w.t.Errorf("%s: confirmed, then failed with %s", w.login, s.Failure.Code)
			return
		}
	}
	b := w.active(ctx)
	if b == nil || len(b.Items) != 1 || s.Result == nil || b.Items[0].ID != s.Result.ID {
		w.t.Errorf("%s: confirmed as %+v, but the bindings are %+v", w.login, s.Result, b)
		return
	}
	w.unbind(ctx)
}

func (w *worker) active(ctx context.Context) (b *programtest.Bindings) {
	w.try("list", func() (err error) {
		b, err = w.portal.Bindings(ctx)
		return err
	})
	return b
}

func (w *worker) unbind(ctx context.Context) {
	b := w.active(ctx)
	if b == nil {
		return
	}
	for _, item := range b.Items {
		if err := w.try("unbind", func() error {
			return w.portal.Call(ctx, "POST", "/v1/bindings/"+item.ID+"/unbind", map[string]string{}, nil)
		}); err != nil {
			w.refused("unbind", err, "binding_not_active") // done before the answer was lost
		}
	}
}

// settle ends with nothing bound, which shows that nothing is stuck.
func (w *worker) settle(ctx context.Context) {
	w.unbind(ctx)
	if b := w.active(ctx); b == nil || len(b.Items) != 0 {
		w.t.Errorf("%s: still bound: %+v", w.login, b)
	}
}

func (w *worker) refused(what string, err error, allowed ...string) {
	code := phone.Code(err)
	var r *programtest.Refusal
	if errors.As(err, &r) {
		code = r.Code
	}
	for _, a := range allowed {
		if code == a {
			return
		}
	}
	w.t.Errorf("%s: %s: %v", w.login, what, err)
}
