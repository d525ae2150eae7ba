// Package identity is 身份认证: whether somebody is who the form says, by a face
// check against the national register, which a commercial service carries out.
//
// A person may be checked ten times a day. The count is one document for a person
// and a day, and a try is taken from it by compare-and-swap before the service is
// asked, so that of many at once, on many servers, no more happen than are left. A
// check that the service could not carry out is given back.
package identity

import (
	"context"
	"slices"
	"time"

	"certlink/internal/effect"
	"certlink/store"
)

// State is where a check stands.
type State string

// The states.
const (
	Starting   State = "starting"   // the service is being asked
	Pending    State = "pending"    // the person looks into the camera
	Passed     State = "passed"     // it is the person
	Mismatched State = "mismatched" // it is not, or the register does not know it
	Expired    State = "expired"    // the person did not do it in time
	Failed     State = "failed"     // the service could not carry it out; does not count
)

// next lists every transition there is.
var next = map[State][]State{
	Starting: {Pending, Failed},
	Pending:  {Passed, Mismatched, Expired, Failed},
}

// Over says whether nothing more will come.
func (s State) Over() bool { return len(next[s]) == 0 }

// Subject is what a check is made for.
type Subject struct {
	Kind string `json:"kind"` // "application", "renewal"
	ID   string `json:"id"`
}

func (s Subject) key() string { return store.Key(s.Kind, s.ID) }

// Check is one try. It holds no name and no number: Person is a keyed digest.
type Check struct {
	ID      string    `json:"id"`
	State   State     `json:"state"`
	Subject Subject   `json:"subject"`
	Account string    `json:"account"`
	Person  string    `json:"person"`
	Day     string    `json:"day"` // of Asia/Shanghai
	Service string    `json:"service"`
	Ref     string    `json:"ref,omitempty"` // the service's name for it
	URL     string    `json:"url,omitempty"` // where the person does it
	Reason  string    `json:"reason,omitempty"`
	At      time.Time `json:"at"`
	// Due is when somebody must look: the service has not said anything.
	Due    *time.Time `json:"due,omitempty"`
	Until  time.Time  `json:"until"` // when an open one has expired
	EndsAt *time.Time `json:"ended_at,omitempty"`
	effect.Owing
}

// EffectChecked is owed when a check is over. Its data are check, subject_kind, subject
// and outcome, the check's last state.
const EffectChecked = "identity.checked"

// move is the one transition function.
func (c *Check) move(to State, at time.Time, reason string) error {
	if !slices.Contains(next[c.State], to) {
		return ErrCheckOver.With("state", string(c.State)).Becausef("%s → %s", c.State, to)
	}
	c.State, c.Reason = to, reason
	if !to.Over() {
		return nil
	}
	c.Due, c.EndsAt, c.URL = nil, &at, ""
	c.Owe(effect.New(EffectChecked, at, map[string]string{"check": c.ID, "subject_kind": c.Subject.Kind, "subject": c.Subject.ID, "outcome": string(to)}),
		effect.New(effect.Audit, at, map[string]string{
			"act": "identity." + string(to), "object": "check", "id": c.ID, c.Subject.Kind: c.Subject.ID, "account": c.Account,
		}))
	return nil
}

// Person is who shall be checked.
type Person struct {
	Name     string
	IDNumber string
}

// Started is what a service says to a check that it takes on.
type Started struct {
	Ref string
	URL string // where the person does it
}

// Result is what a service has found.
type Result struct {
	State  State  // Pending, Passed, Mismatched or Failed
	Reason string // the service's own code, for the log and the help desk
}

// Checker is a service that checks faces. Its errors mean that it could not.
type Checker interface {
	// Name stands in what is kept, and in the address of its notices.
	Name() string
	// Begin has it take on a check. back is where the person's browser goes then.
	Begin(ctx context.Context, check string, p Person, back string) (*Started, error)
	// Ask asks how a check stands.
	Ask(ctx context.Context, ref string) (*Result, error)
	// Notice reads a signed call-back and tells which check it is about. What it says
	// is then asked for: a notice is a reason to look, and no proof by itself.
	// ErrNotice refuses one that is not the service's.
	Notice(header func(name string) string, body []byte) (ref string, err error)
}

var (
	checks = store.Collection{Name: "identity_checks", Indexes: []store.Index{
		{Name: "due"}, {Name: "ref", Unique: true}, {Name: "subject"}, {Name: effect.Index},
	}}
	days = store.Collection{Name: "identity_days", Indexes: []store.Index{{Name: "purge"}}}
)

// Collections declares what the package stores.
func Collections() []store.Collection {
	return []store.Collection{checkRecord(nil).Declare(checks), dayRecord(nil).Declare(days)}
}

func checkRecord(s store.Store) store.Record[Check] {
	return store.Record[Check]{Store: s, Collection: checks.Name,
		ID: func(c *Check) string { return c.ID },
		Index: func(c *Check) map[string]string {
			ix := map[string]string{"subject": c.Subject.key()}
			if c.Due != nil {
				ix["due"] = store.TimeKey(*c.Due)
			}
			if c.Ref != "" {
				ix["ref"] = store.Key(c.Service, c.Ref)
			}
			ix[effect.Index] = c.Place()
			return ix
		}}
}
