package api_test

import (
	"strings"
	"testing"

	"certlink/api"
	"certlink/trust/trusttest"
)

// Whoever only saw the code knows the session's id. With it they can neither use up
// what the page that began it may ask, nor its streams, nor learn from a refusal
// whether there is such a session.
func TestOnlookerTakesNothing(t *testing.T) {
	w := newWorld(t, func(s *settings) {
		s.api.Limits.Session, s.api.Limits.PerSession = api.Rate{PerSecond: 1, Burst: 6}, 2
	})
	w.clock.Stop(trusttest.Now)
	page := w.browser("admin")
	s := page.bind("cfca")
	events, leave := page.events(s.ID)
	next(t, events, "created")
	other, leaveToo := page.events(s.ID)
	next(t, other, "created") // both streams that a page may have

	invented := strings.Repeat("A", 22)
	for _, guess := range []string{strings.Repeat("x", 43), strings.Repeat("y", 43), strings.Repeat("z", 43)} {
		onlooker := w.client().with("Certlink-Browser-Secret", guess)
		for i := range 9 {
			for _, tail := range []string{"", "?wait=1&since=0", "/events"}[i%3 : i%3+1] {
				real, none := onlooker.get("/v1/qr-sessions/"+s.ID+tail), onlooker.get("/v1/qr-sessions/"+invented+tail)
				if real.Status != none.Status || real.member("code") != none.member("code") {
					t.Fatalf("%d %v, but for a session that does not exist %d %v", real.Status, real.member("code"), none.Status, none.member("code"))
				}
			}
		}
	}
	leave()
	leaveToo()
	for range 4 { // two of the page's six were the streams
		page.get("/v1/qr-sessions/" + s.ID).ok(200)
	}
	page.get("/v1/qr-sessions/"+s.ID).refused(429, "rate_limited")
}
