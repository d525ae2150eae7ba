package confirm

// What carriers tell of how a confirmation stands; the same words for all of them.

// Failure says why an act was refused: the stable code of the refusal.
type Failure struct {
	Code  string         `json:"code"`
	Extra map[string]any `json:"extra,omitempty"`
}

// Reason is why the holder said no.
type Reason struct {
	Code string `json:"code"`
	Text string `json:"text,omitempty"`
}

// reasons that a holder, or the phone by itself, may give.
var reasons = map[string]bool{"not_now": true, "wrong_account": true, "wrong_provider": true, "no_certificate": true, "other": true}

// Valid says whether a holder may give this reason.
func (r Reason) Valid() bool { return reasons[r.Code] && len([]rune(r.Text)) <= 200 }

// Hint tells the phone what differs from the last confirmation of this kind.
type Hint struct {
	Kind  string `json:"kind"` // "first_time" or "changed"
	Field string `json:"field,omitempty"`
	Was   string `json:"was,omitempty"`
}

// Hints compares a request with the last one of its kind that the same device
// confirmed; last is nil where there is none.
func Hints(last *Requester, is Requester) []Hint {
	if last == nil {
		return []Hint{{Kind: "first_time"}}
	}
	var h []Hint
	for _, f := range [][3]string{{"requester.ip", last.IP, is.IP}, {"requester.place", last.Place, is.Place}, {"requester.browser", last.Browser, is.Browser}} {
		if f[1] != f[2] {
			h = append(h, Hint{Kind: "changed", Field: f[0], Was: f[1]})
		}
	}
	return h
}
