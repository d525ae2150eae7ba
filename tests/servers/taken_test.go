package servers

import (
	"slices"
	"testing"
	"time"

	"certlink/program"
	"certlink/program/programtest"
	"certlink/push"
)

// A phone that an admin takes out of use: all whose certificates are on it are told, on
// the phones that they have left too. Whoever takes their own is told nothing.
func TestHoldersAreToldOfAPhoneThatWasTaken(t *testing.T) {
	t.Parallel()
	ctx, gate := t.Context(), newTexting(t)
	p, origin := programtest.Serve(t, func(p *program.Program) {
		p.Settings.SMS, p.Settings.GatewaySecret = gate.url, gate.secret(t)
	})
	lina, second, third := newWorker(t, ctx, origin, "lina"), newWorker(t, ctx, origin, "lina"), newWorker(t, ctx, origin, "lina")
	zhangwei, admin := newWorker(t, ctx, origin, "zhangwei"), newWorker(t, ctx, origin, "admin")
	enrolls(t, zhangwei.portal, lina.phone)

	take := func(by, of *worker) {
		t.Helper()
		if err := by.portal.Call(ctx, "DELETE", "/v1/devices/"+of.phone.ID(), nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	take(third, third)
	take(admin, lina)
	said := push.Say("device_revoked").ZH
	for _, number := range []string{"13900000004", "13900000002"} { // of lina and zhangwei
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			if texts := gate.texts(number); len(texts) > 0 {
				if !slices.Equal(texts, []string{said}) {
					t.Errorf("%s was told %q", number, texts)
				}
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%s was told nothing", number)
			}
		}
	}
	inbox := push.NewOutbox(p.Store, p.Clock, nil)
	for _, c := range []struct {
		of   *worker
		want int
	}{{second, 1}, {zhangwei, 1}, {admin, 0}, {lina, 0}, {third, 0}} {
		list, err := inbox.Notices(ctx, c.of.phone.ID(), 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) != c.want || c.want == 1 && list[0].Data["key"] != "device_revoked" {
			t.Errorf("in the inbox of a phone of %s: %+v", c.of.login, list)
		}
	}
}
