package account

import "time"

// tries counts guesses at a secret so that concurrency buys none. A guess is
// written down as open before it is compared and closed afterwards; open ones
// count against the limit like wrong ones. A guess whose server died stays open
// and becomes a wrong one after openFor.
type tries struct {
	Wrong int         `json:"wrong"`
	Open  []time.Time `json:"open,omitempty"`
}

// openFor is longer than any comparison takes.
const openFor = time.Minute

// settle turns what nobody will close any more into wrong guesses.
func (t *tries) settle(now time.Time) {
	keep := t.Open[:0]
	for _, at := range t.Open {
		if now.Sub(at) < openFor {
			keep = append(keep, at)
		} else {
			t.Wrong++
		}
	}
	t.Open = keep
}

// room says whether one more guess may be opened under the limit.
func (t *tries) room(limit int) bool { return t.Wrong+len(t.Open) < limit }

// open writes a guess down. The time is what close finds it by.
func (t *tries) open(at time.Time) { t.Open = append(t.Open, at) }

// close removes the guess; false if settle was faster, then it has counted as
// wrong already. Equal times are interchangeable.
func (t *tries) close(at time.Time) bool {
	for i, o := range t.Open {
		if o.Equal(at) {
			t.Open = append(t.Open[:i], t.Open[i+1:]...)
			return true
		}
	}
	return false
}
