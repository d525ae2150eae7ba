package application

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"certlink/cashier"
	"certlink/mobilecert"
	"certlink/mobilecert/identity"
	"certlink/store/storetest"
)

// A server that dies anywhere within an act leaves something that doing it again, and
// the relay, bring to its end; exactly once.
func TestKilledAnywhere(t *testing.T) {
	for name, c := range map[string]struct {
		product string
		before  func(w *world, a *Application) *Application
		do      func(s *Service, w *world, a *Application) error
		end     State
		check   func(t *testing.T, w *world, a *Application)
	}{
		"paying nothing": {"huixin-mobile", func(w *world, a *Application) *Application { w.verify(a.ID); return w.now(a.ID) },
			func(s *Service, w *world, a *Application) error {
				_, _, err := s.OpenOrder(ctx, w.who("li"), a.ID)
				return err
			},
			Review, func(t *testing.T, w *world, a *Application) {
				if n := strings.Count(acts(a), " paid"); n != 1 {
					t.Errorf("paid %d times: %s", n, acts(a))
				}
			}},
		"making": {"huixin-ukey", func(w *world, a *Application) *Application {
			w.verify(a.ID)
			w.payFor(a.ID)
			return w.decided(w.now(a.ID))
		}, func(s *Service, w *world, a *Application) error {
			_, err := s.Ship(ctx, reviewer, a.ID, Made{DER: w.token, Carrier: "顺丰", Number: "SF1"})
			return err
		}, Issued, func(t *testing.T, w *world, a *Application) {
			if n := owes(a, cashier.EffectCompleted); n != 1 || strings.Count(acts(a), "issued") != 1 {
				t.Errorf("completed %d times: %s", n, acts(a))
			}
		}},
		"a face check": {"huixin-mobile", func(_ *world, a *Application) *Application { return a },
			func(s *Service, w *world, a *Application) error {
				_, err := s.StartFace(ctx, w.who("li"), a.ID, "")
				return err
			}, Identity, func(t *testing.T, w *world, a *Application) {
				w.clock.Advance(time.Hour)
				check(t, w.checks.Sweep(ctx))
				if a.Proof.Check == "" {
					t.Errorf("%+v", a.Proof)
				}
			}},
	} {
		for n := 1; n <= 5; n++ {
			for _, after := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, write %d, after %v", name, n, after), func(t *testing.T) {
					w := newWorld(t)
					w.token = w.leaf(idLi)
					a := c.before(w, w.submitted(c.product))
					alive := w.store
					w.store = storetest.NewMortal(alive, n, after)
					err := c.do(w.start(key1), w, a)
					w.store = alive
					w.start(key1)
					if err == nil {
						return // it has fewer writes
					}
					w.face.say(identity.Pending)
					if err := c.do(w.Service, w, a); err != nil && !errors.Is(err, ErrNoPaymentNow) && !errors.Is(err, ErrNotInMaking) {
						t.Fatalf("again: %v", err)
					}
					w.relay()
					c.check(t, w, w.is(a.ID, c.end))
				})
			}
		}
	}
}

// FuzzForm: whatever is typed is kept or refused, and cleaning it twice is as once.
func FuzzForm(f *testing.F) {
	f.Add("李娜", "id_card", "339900199506090037", "+86 139-0000-0004", "lina@example.com")
	f.Add("a@b", "passport", "e1", "", "@")
	f.Fuzz(func(t *testing.T, holder, document, number, mobile, email string) {
		form := new(Form)
		err := form.take(map[string]string{"holder": holder, "document": document, "id_number": number, "mobile": mobile, "email": email})
		if err != nil && !errors.Is(err, ErrText) {
			t.Fatal(err)
		}
		first := form.clean(mobilecert.UKey)
		once := *form
		second := form.clean(mobilecert.UKey)
		if once != *form || (first == nil) != (second == nil) {
			t.Errorf("%+v, then %+v", once, *form)
		}
		masked := form.Masked()
		if len(form.IDNumber) > 8 && masked.IDNumber == form.IDNumber {
			t.Errorf("not masked: %q", masked.IDNumber)
		}
	})
}
