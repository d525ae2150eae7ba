package invoice

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"strings"
	"testing"
	"time"

	"certlink/internal/effect"
	"certlink/internal/retain"
	"certlink/store"
	"certlink/store/storetest"
)

const day = 24 * time.Hour

var terms = retain.Terms{Finished: 1825 * day, Idle: 365 * day}

// What an invoice is a voucher of stays; whom it was sent to goes.
func TestErase(t *testing.T) {
	for n, lived := 1, false; !lived; n++ {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("write %d, after %v", n, after), func(t *testing.T) {
				w := newWorld(t)
				title := w.saved()
				o := w.order("a1", 20000, true, true)
				_, err := w.Apply(ctx, li, o, form(title))
				check(t, err)
				check(t, w.Sweep(ctx))
				w.stands(o, Standing(Issued))

				w.clock.Advance(364 * day)
				check(t, w.Erase(ctx, terms))
				if list, err := w.Titles(ctx, "org"); err != nil || len(list) != 1 {
					t.Fatalf("erased too early: %v, %v", list, err)
				}
				w.clock.Advance(1500 * day)
				m := storetest.NewMortal(w.store, n, after)
				err = w.on(m, w.press).Erase(ctx, terms)
				if lived = !m.Dead(); lived {
					check(t, err)
				}
				check(t, w.Erase(ctx, terms))
				check(t, w.Erase(ctx, terms))

				v := w.stands(o, Standing(Issued)).Invoice
				kept, err := w.open(v)
				check(t, err)
				if v.ErasedAt == nil || kept.Recipient != (Recipient{}) || kept.Title.Name == "" || v.Number == "" || v.File == "" {
					t.Errorf("%+v, %+v", v, kept)
				}
				list, err := w.Titles(ctx, "org")
				check(t, err)
				if r, err := w.Remembered(ctx, "org", li.Account); len(list) != 0 || r != (Recipient{}) || err != nil {
					t.Errorf("left: %v, %v, %v", list, r, err)
				}
				told := map[string]int{}
				for _, name := range []string{"invoices", "invoice_titles"} {
					docs, _, err := w.store.Query(ctx, name, store.Query{})
					check(t, err)
					for _, d := range docs {
						pending, err := effect.Pending(d.Body)
						check(t, err)
						for _, e := range pending {
							if e.Kind == effect.Audit && strings.HasSuffix(e.Data["act"], ".erased") {
								told[e.Data["act"]]++
							}
						}
					}
				}
				if told["invoice.erased"] != 1 || told["invoice_titles.erased"] != 1 {
					t.Errorf("told %v", told)
				}
			})
		}
		if n > 10 {
			t.Fatal("it never ends")
		}
	}
}

// A rejected application keeps nothing: no title, no recipient, no proof.
func TestEraseRejected(t *testing.T) {
	w := newWorld(t)
	title := w.saved()
	o := w.order("a1", 100, false, true)
	var b bytes.Buffer
	check(t, png.Encode(&b, image.NewGray(image.Rect(0, 0, 4, 4))))
	proof, err := w.Prove(ctx, li, o, "proof.png", bytes.NewReader(b.Bytes()))
	check(t, err)
	f := form(title)
	f.Proof = proof.ID
	_, err = w.Apply(ctx, li, o, f)
	check(t, err)
	_, err = w.Decide(ctx, "reviewer", o, false, "看不清")
	check(t, err)
	w.clock.Advance(time.Minute) // it cannot be undone any more
	check(t, w.Sweep(ctx))
	w.clock.Advance(366 * day)
	check(t, w.Erase(ctx, terms))
	v, _, err := w.docs.Get(ctx, o)
	check(t, err)
	if v.ErasedAt == nil || v.Sealed != "" || v.Reason != "" || v.Proof != "" || v.State != Rejected {
		t.Errorf("%+v", v)
	}
	if _, err := w.cfg.Uploads.Get(ctx, proof.ID); err == nil {
		t.Error("the proof is still there")
	}
}
