package main

import (
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"

	"certlink/trust"
	"certlink/trust/trusttest"
	"certlink/ukey/ukeytest"
)

// A vendor's library that hangs or crashes, wherever it is: the operation ends in
// seconds with the code that says so, another vendor's token stays usable, the bridge
// answers meanwhile, and the next operation works.
func TestLibrariesThatMisbehave(t *testing.T) {
	for _, c := range []struct {
		mode, code string
		asked      bool // for the PIN, before it happens
	}{
		{"SKF_ECCSignData hang", "ukey_driver_hung", true},
		{"SKF_ECCSignData crash", "ukey_driver_crashed", true},
		{"SKF_VerifyPIN hang", "ukey_driver_hung", true},
		{"SKF_VerifyPIN crash", "ukey_driver_crashed", true},
		{"SKF_OpenContainer crash", "ukey_driver_crashed", false},
		{"SKF_EnumDev hang", "ukey_driver_hung", false},
		{"SKF_ConnectDev crash", "ukey_driver_crashed", false},
	} {
		t.Run(c.mode, func(t *testing.T) {
			t.Parallel()
			b, bad, good, person := twoLibraries(t)
			p := newPage(t, b)
			p.pair(person)
			whole := p.tokens()
			if len(whole.Tokens) != 2 || len(whole.Problems) != 0 {
				t.Fatalf("%+v", whole)
			}
			sign := func(i int) *answer {
				return p.sign(whole.Tokens[i].ID, whole.Tokens[i].Certificates[0].ID, statement(t))
			}
			events := watch(p) // as the portal does all the while

			bad.Misbehave(c.mode)
			if c.asked {
				person.Will(ukeytest.Answer{PIN: bad.PIN})
			}
			begun, ended := time.Now(), make(chan *answer, 1)
			go func() { ended <- sign(0) }()
			hello := time.Now()
			if a := p.call(map[string]string{"type": "hello"}); a.status != 200 || time.Since(hello) > 5*time.Second {
				t.Errorf("meanwhile, after %s: %s", time.Since(hello), a.body)
			}
			if a := <-ended; a.code() != c.code || time.Since(begun) > 30*time.Second {
				t.Errorf("after %s: %s", time.Since(begun), a.body)
			}
			if !c.asked {
				now := p.tokens()
				if len(now.Tokens) != 1 || now.Tokens[0].ID != whole.Tokens[1].ID || len(now.Problems) != 1 || now.Problems[0].Code != c.code {
					t.Errorf("%+v", now)
				}
			}
			person.Will(ukeytest.Answer{PIN: good.PIN})
			if a := sign(1); a.status != 200 {
				t.Errorf("the other token: %s", a.body)
			}

			bad.Misbehave("")
			for deadline := time.Now().Add(60 * time.Second); len(p.tokens().Tokens) < 2; { // a library that fails again and again rests
				if time.Now().After(deadline) {
					t.Fatal("its token does not come back")
				}
				time.Sleep(100 * time.Millisecond)
			}
			person.Will(ukeytest.Answer{PIN: bad.PIN})
			if a := sign(0); a.status != 200 {
				t.Errorf("afterwards: %s", a.body)
			}
			p.transcript.add(events())
			nowhere(t, b, p, bad.PIN)
		})
	}
}

// twoLibraries is a bridge with two vendors' libraries, each with an SM2 token, in the
// order of the profiles.
func twoLibraries(t *testing.T) (b *ukeytest.Bridge, first, second *ukeytest.SoftSKF, person *ukeytest.Pinentry) {
	t.Helper()
	first, second, person = ukeytest.NewSoftSKF(t), ukeytest.NewSoftSKF(t), ukeytest.NewPinentry(t)
	ca := trusttest.Root(t, trust.SM2SM3, "SM2 CA")
	for _, s := range []*ukeytest.SoftSKF{first, second} {
		holder := ca.Leaf(t, trust.SM2SM3)
		s.Put("sign", &holder.Key.(*sm2.PrivateKey).PrivateKey, holder.Cert.Raw)
	}
	b = ukeytest.StartBridge(t, ukeytest.FreePort(t), portal, person,
		ukeytest.Profile("first", "skf", first.Library), ukeytest.Profile("second", "skf", second.Library))
	return b, first, second, person
}
