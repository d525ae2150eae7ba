package api_test

import (
	"testing"
	"time"

	"certlink/trust"
)

// ownedPhones is the list of an account's phones.
type ownedPhones struct {
	Account struct{ ID, Login string }
	Items   []struct {
		ID, Name, Platform string
		SeenAt             time.Time `json:"seen_at"`
		RemovedAt          string    `json:"removed_at"`
		Certificates       []struct {
			ID, State, Serial string
			HolderName        string `json:"holder_name"`
			Bound             bool
			Account           struct{ ID string }
		}
		Others   int
		OpenBids *struct {
			Count       int
			LastOpening time.Time `json:"last_opening"`
		} `json:"open_bids"`
		Acts []string
	}
}

func phonesOf(c *client, account string) (out ownedPhones) {
	c.w.t.Helper()
	c.get("/v1/accounts/"+account+"/devices").ok(200, &out)
	return out
}

// The phones of an account: who sees them, what they hold, when they were last there.
func TestPhonesOfAnAccount(t *testing.T) {
	w := newWorld(t)
	lina := newHeld(w, "lina")
	id := w.person("lina").ID
	for _, who := range []string{"lina", "admin", "operator"} {
		list := phonesOf(w.browser(who), id)
		if list.Account.Login != "lina" || len(list.Items) != 1 {
			t.Fatalf("%s sees %+v", who, list)
		}
		p := list.Items[0]
		if p.ID != lina.phone.id || p.Others != 0 || len(p.Acts) != 1 || p.Acts[0] != "remove" || p.RemovedAt != "" || p.OpenBids != nil {
			t.Errorf("%s sees %+v", who, p)
		}
		if len(p.Certificates) != 1 || p.Certificates[0].ID != lina.id || p.Certificates[0].State != "active" || p.Certificates[0].Bound || p.Certificates[0].Serial == "" {
			t.Errorf("%s sees on it %+v", who, p.Certificates)
		}
	}
	w.browser("zhangwei").get("/v1/accounts/"+id+"/devices").refused(404, "account_unknown")
	w.browser("zhoutao").get("/v1/accounts/"+id+"/devices").refused(404, "account_unknown")
	w.browser("reviewer").get("/v1/accounts/"+id+"/devices").refused(403, "not_your_organisation")
	w.browser("operator").get("/v1/accounts/nobody/devices").refused(404, "account_unknown")
	if list := phonesOf(w.browser("zhangwei"), w.person("zhangwei").ID); len(list.Items) != 0 {
		t.Errorf("zhangwei has no phone, and sees %+v", list)
	}

	// A phone that holds another authority's certificate is known by its binding.
	second := w.phone("lina")
	w.bound(w.browser("lina"), second)
	list := phonesOf(w.browser("admin"), id)
	if len(list.Items) != 2 || list.Items[0].ID != second.id || len(list.Items[0].Certificates) != 1 {
		t.Fatalf("after the binding: %+v", list)
	}
	if x := list.Items[0].Certificates[0]; !x.Bound || x.ID != "" || x.State != "active" || x.Account.ID != id {
		t.Errorf("bound on it: %+v", x)
	}

	// A call within the hour is not written down, a later one is.
	before := list.Items[1].SeenAt
	lina.phone.call("GET", "/v1/phone/device", nil).ok(200)
	if p := phonesOf(w.browser("lina"), id).Items[1]; !p.SeenAt.Equal(before) {
		t.Errorf("seen at %s, first at %s", p.SeenAt, before)
	}
	w.clock.Advance(2 * time.Hour)
	lina.phone.call("GET", "/v1/phone/device", nil).ok(200)
	if p := phonesOf(w.signedInAnew("lina"), id).Items[1]; p.SeenAt.Sub(before) < 2*time.Hour {
		t.Errorf("seen at %s, first at %s", p.SeenAt, before)
	}
}

// A phone is taken out of use by whoever may give up all that it holds.
func TestRemovingAPhone(t *testing.T) {
	w := newWorld(t)
	d := newHeld(w, "lina")
	id := w.person("lina").ID
	d.bid("a", 48*time.Hour).ok(201)
	p := phonesOf(w.browser("lina"), id).Items[0]
	if p.OpenBids == nil || p.OpenBids.Count != 1 {
		t.Fatalf("the bid that waits is not told of: %+v", p)
	}

	// With a certificate of another organisation on it, it is the operator's to take.
	other := newHeldBy(w, "zhoutao", d.phone)
	for _, who := range []string{"lina", "admin", "zhoutao"} {
		w.browser(who).do("DELETE", "/v1/devices/"+d.phone.id, nil).refused(403, "device_shared")
	}
	w.browser("zhangwei").do("DELETE", "/v1/devices/"+d.phone.id, nil).refused(404, "device_unknown")
	w.browser("reviewer").do("DELETE", "/v1/devices/"+d.phone.id, nil).refused(404, "device_unknown")
	if p := phonesOf(w.browser("admin"), id).Items[0]; p.Others != 1 || len(p.Certificates) != 1 || len(p.Acts) != 0 {
		t.Errorf("the admin sees %+v", p)
	}
	if p := phonesOf(w.browser("operator"), other).Items[0]; p.Others != 0 || len(p.Certificates) != 2 || len(p.Acts) != 1 {
		t.Errorf("the operator sees %+v", p)
	}

	// One's own, and those of the organisation.
	own := newHeld(w, "zhangwei")
	w.browser("lina").do("DELETE", "/v1/devices/"+own.phone.id, nil).refused(404, "device_unknown")
	own.page.do("DELETE", "/v1/devices/"+own.phone.id, nil).ok(204)
	own.page.do("DELETE", "/v1/devices/"+own.phone.id, nil).ok(204) // repeated
	own.phone.call("GET", "/v1/phone/device", nil).refused(403, "device_revoked")
	list := phonesOf(own.page, w.person("zhangwei").ID)
	if len(list.Items) != 1 || list.Items[0].RemovedAt == "" || len(list.Items[0].Acts) != 0 {
		t.Errorf("afterwards: %+v", list)
	}
	second := newHeld(w, "zhangwei")
	w.browser("admin").do("DELETE", "/v1/devices/"+second.phone.id, nil).ok(204)
	if list = phonesOf(own.page, w.person("zhangwei").ID); len(list.Items) != 2 || list.Items[1].RemovedAt == "" {
		t.Errorf("both are gone: %+v", list)
	}

	// What waits for the keys is asked about first.
	operator := w.browser("operator")
	a := operator.do("DELETE", "/v1/devices/"+d.phone.id, nil).refused(409, "bids_need_keys")
	operator.do("DELETE", "/v1/devices/"+d.phone.id+"?acknowledge="+a.member("acknowledge").(string), nil).ok(204)
}

// newHeldBy puts a certificate of another account on a phone.
func newHeldBy(w *world, login string, phone *handset) (account string) {
	w.t.Helper()
	w.enrolled(w.browser(login), phone, "demo-p256", trust.ES256)
	return w.person(login).ID
}
