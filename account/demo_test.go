package account

import (
	"errors"
	"sync"
	"testing"

	"certlink/trust"
)

func TestDemoPeople(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Demo = true })
	// The first organisation's code is the world's: made again, it is found.
	var wg sync.WaitGroup
	for _, s := range []*Service{w.Service, w.server()} {
		wg.Go(func() {
			if err := s.EnsureDemo(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	before := w.count(accounts)
	want(t, w.EnsureDemo(t.Context()), nil)
	if n := w.count(accounts); n != len(demoPeople) || n != before {
		t.Fatalf("%d accounts", n)
	}
	logins := w.DemoLogins()
	real := w.server(func(c *Config) { c.Demo = false })
	for _, l := range logins {
		token, p, err := w.SignIn(t.Context(), SignIn{Login: l.Login, Password: l.Password})
		want(t, err, nil)
		if p.Account.Name != l.Name || !p.Has(l.Role) {
			t.Errorf("%s: %+v", l.Login, p.Account)
		}
		if number := p.Account.IDNumber; number != "" {
			want(t, trust.CheckIDNumber(number), nil)
		}
		// The same store without demo mode lets none of them in.
		_, _, err = real.SignIn(t.Context(), SignIn{Login: l.Login, Password: l.Password})
		want(t, err, ErrDemoAccount)
		_, err = real.Session(t.Context(), token)
		want(t, err, ErrDemoAccount)
		want(t, real.Standing(t.Context(), p.Account.ID), ErrDemoAccount)
		want(t, w.Standing(t.Context(), p.Account.ID), nil)
		if l.Role == Integrator {
			secret, _, err := w.CreateToken(t.Context(), w.root, p.Account.ID, "demo", 0)
			want(t, err, nil)
			_, err = real.Bearer(t.Context(), []byte(secret))
			want(t, err, ErrDemoAccount)
		}
	}
	for _, o := range demoOrganisations {
		if !trust.CreditCodeWarning(o.CreditCode) {
			t.Errorf("%s fails its check character", o.CreditCode)
		}
	}
	if found, err := w.FindByName(t.Context(), w.org.ID, "张伟"); err != nil || len(found) != 2 {
		t.Errorf("two people are called 张伟: %v, %v", found, err)
	}
	if err := real.EnsureDemo(t.Context()); err == nil || real.DemoLogins() != nil {
		t.Error("demo people outside demo mode")
	}
}

func TestDemoLeavesRealPeopleAlone(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Demo = true })
	a := w.person("admin", Employee)
	before := w.body(accounts, a.ID)
	if err := w.EnsureDemo(t.Context()); err == nil || errors.Is(err, ErrExists) {
		t.Errorf("no clear sentence: %v", err)
	}
	if w.body(accounts, a.ID) != before {
		t.Error("a real account was changed")
	}
}
