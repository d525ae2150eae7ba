package browser

import (
	"strings"
	"testing"
	"time"

	"certlink/phone"
	"certlink/program/programtest"
)

// A phone is lost: its holder revokes the certificate on the portal, says why, and the
// binding acts no more; the identity is verified anew, nothing is paid again, and a new
// phone collects another certificate, which takes the place of the lost one.
func TestLostPhoneInABrowser(t *testing.T) {
	t.Parallel()
	p, origin := programtest.Serve(t, pricesSwapped(t))
	id := accepted(t, p, "lina", "huixin-mobile")
	clerk := atPortal(t, browser(t, awake), origin, "lina")
	handset := func(name string) (*person, *camera) {
		phone, cam := withCamera(t, name, origin)
		clerk.click("nav-apply")
		clerk.click("open-application")
		clerk.click("collect")
		phone.scan(cam, clerk)
		phone.digits(clerk)
		phone.signs(true)
		clerk.attribute("session-state", "data-state", "confirmed")
		clerk.click("done")
		clerk.attribute("application-state", "data-state", "issued")
		return phone, cam
	}
	lost, cam := handset("lost")
	clerk.binds(lost, cam)
	paid, err := p.Applications.Get(t.Context(), id)
	clerk.must(err)

	clerk.click("nav-apply")
	clerk.click("open-application")
	clerk.click("lost")
	clerk.see("revoke-dialog")
	clerk.shot("lost-1-dialog")
	clerk.click("revoke-confirm")
	clerk.attribute("application-state", "data-state", "identity")
	clerk.shot("lost-2-identity")
	clerk.click("nav-bindings")
	clerk.see("binding-dead")
	clerk.shot("lost-3-binding")
	lost.home()
	lost.must(lost.page.Reload())
	lost.click("tab-certs")
	lost.attribute("cert-item", "data-state", "revoked")

	clerk.click("nav-apply")
	clerk.click("open-application")
	clerk.choosesFace("pass")
	clerk.attribute("application-state", "data-state", "making")
	found, cam := handset("found")
	clerk.click("nav-bindings")
	clerk.click("unbind")
	clerk.click("unbind-confirm")
	clerk.see("empty")
	clerk.binds(found, cam)

	a, err := p.Applications.Get(t.Context(), id)
	clerk.must(err)
	old, err := p.Certificates.Get(t.Context(), paid.Certificate)
	clerk.must(err)
	now, err := p.Certificates.Get(t.Context(), a.Certificate)
	clerk.must(err)
	if now.ID == old.ID || now.Replaces != old.ID || !now.NotAfter.Equal(old.NotAfter) || a.Money.Order != paid.Money.Order || !a.Money.PaidAt.Equal(*paid.Money.PaidAt) {
		t.Errorf("%s until %s, in place of %s until %s; %+v", now.ID, now.NotAfter, old.ID, old.NotAfter, a.Money)
	}

	// The holder of a phone revokes on it, too.
	found.home()
	found.click("tab-certs")
	found.click("cert-item")
	found.click("cert-more")
	found.shot("lost-4-menu")
	found.click("cert-revoke")
	found.click("revoke-confirm")
	found.see("error-summary")
	found.click("reason-key_compromise")
	found.shot("lost-5-phone")
	found.click("revoke-confirm")
	found.gone("revoke-dialog")
	found.reads("已吊销")
	found.shot("lost-6-revoked")
}

// Staff finds a certificate by its number or by its organisation, and revokes it.
func TestRevokedByStaffInABrowser(t *testing.T) {
	t.Parallel()
	p, origin := programtest.Serve(t)
	h := &household{origin: origin, signed: map[string]*programtest.Portal{}, phones: map[string]*phone.Phone{}}
	var serials []string
	for range 2 {
		if _, _, err := h.holder(t.Context(), "zhangwei"); err != nil {
			t.Fatal(err)
		}
	}
	who, err := p.Accounts.ByLogin(t.Context(), "zhangwei")
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := p.Certificates.ListByAccount(t.Context(), who.ID, "", 10)
	if err != nil || len(list) != 2 {
		t.Fatalf("%d certificates, %v", len(list), err)
	}
	for _, c := range list {
		serials = append(serials, c.Serial)
	}
	staff := atPortal(t, browser(t, nil), origin, "operator")
	staff.click("nav-certificates")
	staff.see("empty")
	staff.shot("staff-1-none")
	staff.write("certificates-find", strings.ToUpper(serials[0][:10]))
	staff.click("find")
	staff.attribute("certificate-row", "data-state", "active")
	staff.click("revoke")
	staff.click("reason-privilege_withdrawn")
	staff.shot("staff-2-revoke")
	staff.click("revoke-confirm")
	staff.gone("revoke-dialog")
	staff.attribute("certificate-row", "data-state", "revoked")

	staff.click("nav-organisations")
	staff.write("organisation-find", "杭州")
	staff.click("find")
	staff.click("organisation-certificates")
	for deadline := time.Now().Add(patience); len(staff.page.MustElements(`[data-testid="certificate-row"]`)) != 2; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not the two of the organisation:\n%s", staff.text())
		}
	}
	staff.shot("staff-3-organisation")
}
