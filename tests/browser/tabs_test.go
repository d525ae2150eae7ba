package browser

import (
	"testing"

	"certlink/program/programtest"
)

// Over HTTP/1.1 a browser has six connections to a server. Phone pages that were left
// open take one for all of them, so the portal goes on.
func TestManyTabs(t *testing.T) {
	t.Parallel()
	_, origin := programtest.Serve(t)
	b := browser(t, awake)
	phone := open(t, b, "phone", origin+"/phone/", 360, 640)
	phone.tab = true
	phone.click("start")
	phone.see("tab-scan")
	for range 7 {
		left := open(t, b, "another tab", origin+"/phone/", 360, 640)
		left.tab = true
		left.see("tab-scan")
	}
	portal := open(t, b, "portal", origin+"/portal/", 1280, 860)
	portal.tab = true
	portal.signInAs("admin")
	portal.click("nav-bindings")
	portal.see("empty")
}
