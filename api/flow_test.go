package api_test

import (
	"testing"

	"certlink/trust"
	"certlink/trust/trusttest"
)

// TestBind is the main job over HTTP, from the code to the binding and back.
func TestBind(t *testing.T) {
	for _, alg := range trusttest.Algorithms {
		t.Run(string(alg), func(t *testing.T) {
			w := newWorld(t)
			page := w.browser("admin")
			provider, ca := "cfca", ec()
			switch alg {
			case trust.SM2SM3:
				provider, ca = "beijing", sm()
			case trust.RS256:
				provider, ca = "tianwei", rs()
			}
			s := page.bind(provider)
			events, _ := page.events(s.ID)
			if _, first := next(t, events, "created"); first.Code == "" || first.Seq != 1 {
				t.Fatalf("%+v", first)
			}
			phone := w.handset().register("王敏的手机")
			phone.holder = w.holder(ca, alg, "admin")
			p := phone.scan(page.session(s).Code)
			if p.Claim == "" || p.State != "scanned" || p.SignedBy != "certificate" || p.Provider.ID != provider || len(p.Hints) != 1 || p.Hints[0].Kind != "first_time" {
				t.Fatalf("%+v", p)
			}
			_, seen := next(t, events, "scanned")
			if seen.Device.Name != "王敏的手机" || seen.Code != "" {
				t.Fatalf("%+v", seen)
			}
			done := new(phoneSession)
			phone.confirm(p, phone.jws(p)).ok(200, done)
			if done.State != "confirmed" || done.Result.Kind != "binding" || done.Result.AccountName != "王敏" || done.Claim != "" {
				t.Fatalf("%+v", done)
			}
			last, end := next(t, eventsBut(events, "accepted"), "confirmed")
			if end.Result == nil || end.Result.Binding.Certificate.Fingerprint != phone.holder.Cert.Fingerprint() {
				t.Fatalf("%s", last.Data)
			}
			if _, more := <-events; more {
				t.Error("the stream goes on after the end")
			}
			var b binding
			page.get("/v1/bindings/"+end.Result.ID).ok(200, &b)
			if b.State != "active" || len(b.Acts) != 1 || b.Account.Name != "王敏" || b.BoundBy.Name != "王敏" {
				t.Fatalf("%+v", b)
			}
			var list struct {
				Items []binding
				Next  string
			}
			page.get("/v1/bindings").ok(200, &list)
			if len(list.Items) != 1 || list.Items[0].ID != b.ID {
				t.Fatalf("%+v", list)
			}
			page.post("/v1/bindings/"+b.ID+"/unbind", "{}").ok(200, &b)
			if b.State != "unbound" || len(b.Acts) != 0 {
				t.Fatalf("%+v", b)
			}
			page.post("/v1/bindings/"+b.ID+"/unbind", "{}").refused(409, "binding_not_active")
			page.get("/v1/bindings").ok(200, &list)
			if len(list.Items) != 0 {
				t.Fatalf("%+v", list)
			}
			page.get("/v1/bindings?state=all").ok(200, &list)
			if len(list.Items) != 1 {
				t.Fatalf("%+v", list)
			}
		})
	}
}

// eventsBut passes over events of one name, which may have been overtaken.
func eventsBut(in <-chan event, name string) <-chan event {
	out := make(chan event, 100)
	go func() {
		defer close(out)
		for e := range in {
			if e.Name != name {
				out <- e
			}
		}
	}()
	return out
}
