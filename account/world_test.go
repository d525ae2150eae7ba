package account

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"certlink/internal/clock"
	"certlink/internal/effect"
	"certlink/internal/fault"
	"certlink/internal/seal"
	"certlink/store"
	"certlink/store/sqlite"
)

// world is a service on the real embedded store, with a clock that the test moves.
type world struct {
	*Service
	t     testing.TB
	clock *clock.Manual
	db    store.Store
	ring  *seal.Ring
	conf  Config
	org   *Organisation
	root  *Principal
}

// Bearer takes a token as tests have it.
func (w *world) Bearer(ctx context.Context, token string) (*Principal, error) {
	return w.Service.Bearer(ctx, []byte(token))
}

func cheap() Limits {
	return Limits{PasswordMemoryKiB: 19 << 10, PasswordTime: 1}
}

func newWorld(t testing.TB, change ...func(*Config)) *world {
	t.Helper()
	dir := t.TempDir()
	db, err := sqlite.Open(t.Context(), dir, Collections())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	ring, err := seal.Load(filepath.Join(dir, "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, clock: clock.NewManual(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)), db: db, ring: ring, root: System("test")}
	w.conf = Config{Store: db, Clock: w.clock.Now, Seal: ring, Limits: cheap(), Log: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&w.conf)
	}
	w.Service = w.server()
	if w.org, err = w.CreateOrganisation(t.Context(), w.root, OrganisationInput{Name: "甲公司", CreditCode: "91339900MADEM0A15M"}); err != nil {
		t.Fatal(err)
	}
	return w
}

// server starts one more server of the same installation.
func (w *world) server(change ...func(*Config)) *Service {
	w.t.Helper()
	c := w.conf
	for _, f := range change {
		f(&c)
	}
	s, err := New(c)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(s.Close)
	return s
}

const goodPassword = "correct horse battery"

// person makes an account in the first organisation that can sign in.
func (w *world) person(login string, roles ...Role) *Account {
	w.t.Helper()
	return w.personOf(w.org, login, roles...)
}

func (w *world) personOf(o *Organisation, login string, roles ...Role) *Account {
	w.t.Helper()
	a, err := w.CreateAccount(w.ctx(), w.root, Person{OrganisationID: o.ID, Login: login, Name: "某人 " + login, Roles: roles, Password: goodPassword})
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func (w *world) ctx() context.Context { return w.t.Context() }

// as is the principal of an account, as a session would give it.
func (w *world) as(a *Account) *Principal {
	w.t.Helper()
	fresh, err := w.Get(w.ctx(), a.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	o, err := w.GetOrganisation(w.ctx(), fresh.OrganisationID)
	if err != nil {
		w.t.Fatal(err)
	}
	return &Principal{Account: fresh, Organisation: o, Via: "session"}
}

func (w *world) signIn(login string) (string, *Principal) {
	w.t.Helper()
	token, p, err := w.SignIn(w.ctx(), SignIn{Login: login, Password: goodPassword})
	if err != nil {
		w.t.Fatal(err)
	}
	return token, p
}

// body is a document as it lies in the store.
func (w *world) body(collection, id string) string {
	w.t.Helper()
	d, err := w.db.Get(w.ctx(), collection, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(d.Body)
}

// owed lists the acts that a document owes to the audit log.
func (w *world) owed(collection, id string) []string {
	w.t.Helper()
	var o effect.Owing
	if err := json.Unmarshal([]byte(w.body(collection, id)), &o); err != nil {
		w.t.Fatal(err)
	}
	var acts []string
	for _, e := range o.Pending {
		if e.Kind == effect.Audit {
			acts = append(acts, e.Data["act"])
		}
	}
	return acts
}

func wantOwed(t testing.TB, acts []string, act string) {
	t.Helper()
	if !slices.Contains(acts, act) {
		t.Errorf("owes %v to the audit log, not %q", acts, act)
	}
}

func want(t testing.TB, err error, target *fault.Error) {
	t.Helper()
	switch {
	case target == nil && err != nil:
		t.Fatalf("refused: %v", err)
	case target != nil && !errors.Is(err, target):
		t.Fatalf("got %v, want %s", err, target.Code)
	}
}

func faultOf(err error) *fault.Error {
	if f := fault.Of(err); f != nil {
		return f
	}
	return &fault.Error{}
}
