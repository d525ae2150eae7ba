package invoice

import (
	"testing"
	"time"

	"certlink/internal/effect"
	"certlink/internal/upload"
	"certlink/store/storetest"
)

// The server dies at each of its writes between the application and the letter: in
// the end there is one invoice, one letter is owed, and the file that it names is there.
func TestKilled(t *testing.T) {
	points := 0
	for n := 1; ; n++ {
		lived := false
		for _, after := range []bool{false, true} {
			w := newWorld(t)
			title := w.saved()
			o := w.order("a1", 20000, true, true)
			m := storetest.NewMortal(w.store, n, after)
			dying := w.on(m, w.press)
			_, err := dying.Apply(ctx, li, o, form(title))
			if err == nil {
				_ = dying.Sweep(ctx)
			}
			if lived = !m.Dead(); !lived {
				points++
			}
			w.clock.Advance(time.Hour)
			if w.lookedAt(o) == Available {
				_, err := w.Apply(ctx, li, o, form(title))
				check(t, err)
			}
			check(t, w.Sweep(ctx))
			check(t, w.Sweep(ctx))
			v := w.stands(o, Standing(Issued)).Invoice
			letters := 0
			for _, e := range v.Pending {
				if e.Kind == effect.Mail {
					letters++
				}
			}
			_, _, f, content, err := w.Letter(ctx, o)
			if err != nil || letters != 1 || f.Kind != upload.PDF || len(content) == 0 {
				t.Fatalf("write %d (after: %v): %d letters, %v, %v", n, after, letters, f, err)
			}
		}
		if lived {
			break
		}
	}
	if points < 8 {
		t.Fatalf("only %d points to die at", points)
	}
}

func (w *world) lookedAt(order string) Standing {
	w.t.Helper()
	c, err := w.Look(ctx, li, order)
	check(w.t, err)
	return c.Standing
}
