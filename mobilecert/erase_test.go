package mobilecert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"certlink/internal/retain"
	"certlink/store/storetest"
	"certlink/trust"
	"certlink/trust/trusttest"
)

const day = 24 * time.Hour

var terms = retain.Terms{Finished: 1825 * day, Idle: 365 * day}

var away = errors.New("the issuer is away")

// requested asks directly for a pair, of an issuer that answers so.
func (w *world) requested(request string, answer error) *Certificate {
	w.t.Helper()
	issuer := w.issuer
	w.issuer = issuerFunc(func(ctx context.Context, o Order) (*Signed, error) {
		if answer != nil {
			return nil, answer
		}
		return issuer.Issue(ctx, o)
	})
	w.server = w.start(w.store)
	w.issuer = issuer
	p, err := w.people.Person(ctx, "li")
	check(w.t, err)
	d := Direct{Request: request, By: Actor{ID: "program", Name: "登记系统"}, Product: "demo-sm2", Person: p, CSR: trusttest.CSR(w.t, trusttest.Key(w.t, trust.SM2SM3))}
	_, err = w.certs.IssueDirect(ctx, d)
	if answer != away {
		check(w.t, err)
	}
	c, err := w.certs.Get(ctx, d.id())
	check(w.t, err)
	return c
}

// named are the documents that tell of whom they are.
func (w *world) named() (ids []string) {
	for _, d := range w.docs("certificates") {
		if bytes.Contains(d.Body, []byte("李娜")) {
			ids = append(ids, d.ID)
		}
	}
	return ids
}

// What is declined or given up keeps no number and no key from then on, and after the
// time no name. What an authority has, and what was issued, stays.
func TestErase(t *testing.T) {
	w := newWorld(t)
	lying, abandoned := w.requested("lying", away), w.requested("abandoned", away)
	waiting, declined := w.requested("waiting", ErrByHand), w.requested("declined", ErrByHand)
	issued := w.requested("issued", nil)
	check(t, w.certs.Abandon(ctx, abandoned.ID))
	_, err := w.certs.Decline(ctx, declined.ID, "李娜的材料不全", Actor{ID: "reviewer", Name: "赵审"})
	check(t, err)
	for _, c := range []*Certificate{abandoned, declined} {
		now, err := w.certs.Get(ctx, c.ID)
		check(t, err)
		if c.Sealed == "" || c.Twin.Sealed == "" || now.State != Declined || now.Sealed != "" || now.Request != nil || now.Twin.Sealed != "" {
			t.Errorf("%+v", now)
		}
	}
	erased := func(c *Certificate) bool {
		now, err := w.certs.Get(ctx, c.ID)
		check(t, err)
		if now.ErasedAt != nil && (now.Sealed != "" || now.State != Declined || now.History[len(now.History)-1].Act != "certificate.erased") {
			t.Errorf("%+v", now)
		}
		return now.ErasedAt != nil
	}
	w.clock.Advance(364 * day)
	check(t, w.certs.Erase(ctx, terms))
	if erased(lying) || erased(abandoned) || erased(declined) {
		t.Error("erased within the year")
	}
	w.clock.Advance(2 * day)
	check(t, w.certs.Erase(ctx, retain.Terms{Finished: day}))
	if erased(lying) || erased(declined) {
		t.Error("erased without a term")
	}
	for range 2 {
		check(t, w.certs.Erase(ctx, terms))
	}
	if !erased(lying) || !erased(abandoned) || !erased(declined) || erased(waiting) || erased(issued) {
		t.Errorf("lying %v, abandoned %v, declined %v, waiting %v, issued %v", erased(lying), erased(abandoned), erased(declined), erased(waiting), erased(issued))
	}
	if left := w.named(); len(left) != 2 {
		t.Errorf("named are %v", left)
	}
	// Nothing comes of what was erased, though it is asked for again.
	p, err := w.people.Person(ctx, "li")
	check(t, err)
	_, err = w.certs.IssueDirect(ctx, Direct{Request: "lying", By: Actor{ID: "program"}, Product: "demo-sm2", Person: p, CSR: trusttest.CSR(t, trusttest.Key(t, trust.SM2SM3))})
	refused(t, err, ErrRequestReused)
}

func TestKilledWhileErasing(t *testing.T) {
	for n, lived := 1, false; !lived; n++ {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("write %d, after %v", n, after), func(t *testing.T) {
				w := newWorld(t)
				w.requested("lying", away)
				declined := w.requested("declined", ErrByHand)
				_, err := w.certs.Decline(ctx, declined.ID, "材料不全", Actor{ID: "reviewer", Name: "赵审"})
				check(t, err)
				w.clock.Advance(366 * day)
				m := storetest.NewMortal(w.store, n, after)
				err = w.start(m).certs.Erase(ctx, terms)
				if lived = !m.Dead(); lived {
					check(t, err)
				}
				w.server = w.start(w.store)
				check(t, w.certs.Erase(ctx, terms))
				if left := w.named(); len(left) > 0 {
					t.Errorf("named are %v", left)
				}
				for _, d := range w.docs("certificates") {
					if times := bytes.Count(d.Body, []byte(`"act":"certificate.erased","by":{"id":"system"}`)); times != 1 {
						t.Errorf("%s was erased %d times: %s", d.ID, times, d.Body)
					}
				}
			})
		}
		if n > 5 {
			t.Fatal("it never ends")
		}
	}
}
