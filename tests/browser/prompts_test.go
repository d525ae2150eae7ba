package browser

import (
	"context"
	"strings"
	"testing"
	"time"

	"certlink/confirm"
	"certlink/mobilecert"
	"certlink/program"
	"certlink/program/programtest"
	"certlink/push"
	"certlink/push/fcm"
	"certlink/push/fcm/fcmtest"
)

// A statement reaches the phone without a code: by the app's open stream and, while
// the app is shut, by a push through FCM's API, after which it is found in the inbox.
func TestPromptsReachThePhone(t *testing.T) {
	t.Parallel()
	google := fcmtest.New(t)
	p, origin := programtest.Serve(t, func(p *program.Program) {
		p.Settings.FCM, p.FCMOptions = google.Credentials(t), google.Options()
	})
	b := browser(t, nil)
	phone := onPhone(t, b, "phone", origin)
	_, app := phone.collectHere(t, b, origin)
	h := holderOf(t, p, "lina")

	t.Run("by its open stream", func(t *testing.T) {
		app.home()
		app.click("tab-certs")
		h.ask(t, "first")
		app.see("arrived")
		app.reads("有新的待确认请求")
		if n := app.see("inbox-badge").MustText(); !strings.HasPrefix(strings.TrimSpace(n), "1") {
			t.Errorf("the badge says %q", n)
		}
		app.shot("phone-20-arrived")
		app.click("arrived-open")
		app.shot("phone-21-prompt")
		app.confirms("李娜")
		h.bound(t)
	})
	t.Run("by FCM, the app being shut", func(t *testing.T) {
		h.unbind(t)
		for _, tab := range []*person{phone, app} { // an open stream would need no push
			tab.must(tab.page.Navigate("about:blank"))
		}
		ctx := context.Background()
		if err := p.Phones.SetChannels(ctx, h.device, []push.PhoneChannel{{Kind: fcm.Kind, Token: "registration-token", On: true}}); err != nil {
			t.Fatal(err)
		}
		before := len(google.Sent()) // the unbinding may be told as well
		h.ask(t, "second")
		sent := waitForPush(t, google, before, "second")
		for _, secret := range []string{"李娜", "王敏", "huixin", "汇信", "statement", "nonce", origin} {
			if strings.Contains(sent.Raw, secret) {
				t.Errorf("the push holds %q: %s", secret, sent.Raw)
			}
		}
		app.must(app.page.Navigate(origin + "/phone/#/inbox"))
		app.see("inbox-item")
		app.shot("phone-22-inbox")
		app.click("inbox-item")
		app.confirms("李娜")
		h.bound(t)
	})
	// The portal sends it to the phone instead of being scanned; a no is told there, and
	// the code remains.
	t.Run("sent from the portal", func(t *testing.T) {
		portal := own(t, b, "portal", origin+"/portal/", 1280, 860)
		portal.signInAs("lina")
		for _, yes := range []bool{true, false} {
			h.unbind(t)
			portal.click("nav-bindings")
			portal.beginBinding()
			portal.see("send-to-phone")
			if yes {
				portal.shot("portal-send")
			}
			portal.click("send-to-phone")
			portal.see("sent")
			portal.attribute("qr-code", "data-state", "live")
			if yes {
				portal.shot("portal-sent")
			}
			app.home()
			app.click("tab-inbox")
			app.click("inbox-item")
			if yes {
				// The code runs out meanwhile; what waits on the phone does not.
				portal.waits = 2 * time.Minute
				portal.attribute("session-state", "data-state", "expired")
				portal.waits = 0
				portal.see("sent")
				app.chooseAndConfirm("李娜")
				app.typePIN(programtest.DemoPIN)
				app.attribute("result", "data-state", "confirmed")
				portal.attribute("session-state", "data-state", "confirmed")
				portal.shot("portal-sent-bound")
				h.bound(t)
				portal.click("done")
				portal.gone("bind-dialog")
				continue
			}
			app.click("reject")
			app.click("reject-reason-not_now")
			portal.see("sent-ended")
			portal.attribute("qr-code", "data-state", "live")
			portal.shot("portal-sent-rejected")
			portal.click("send-to-phone") // the phone is left alone for a while
			portal.see("sent")
			portal.shot("portal-sent-waits")
		}
	})
}

func waitForPush(t *testing.T, google *fcmtest.Server, before int, id string) fcmtest.Sent {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		for _, s := range google.Sent()[min(before, len(google.Sent())):] {
			if s.Data["id"] == id {
				return s
			}
		}
	}
	t.Fatalf("FCM was sent %d messages, none about %s", len(google.Sent()), id)
	return fcmtest.Sent{}
}

// askedHolder is somebody whose phone holds a certificate.
type askedHolder struct {
	p      *program.Program
	me     confirm.Party
	device string
}

func holderOf(t *testing.T, p *program.Program, login string) *askedHolder {
	t.Helper()
	ctx := context.Background()
	who := programtest.Person(t, p, login)
	list, _, err := p.Certificates.ListByAccount(ctx, who.ID, "", 10)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d certificates, %v", len(list), err)
	}
	me := confirm.Party{ID: who.ID, Name: who.Name, OrganisationID: who.OrganisationID, Organisation: who.Organisation}
	return &askedHolder{p, me, list[0].Device}
}

func (h *askedHolder) ask(t *testing.T, id string) {
	t.Helper()
	prompt, err := h.p.Prompts.Open(context.Background(), push.PromptRequest{ID: id, Device: h.device, Request: confirm.Request{
		Purpose: "bind", Actor: h.me, Subject: h.me, Params: map[string]string{"provider": "huixin"},
		Requester: confirm.Requester{IP: "192.0.2.7", Browser: "Chrome / Windows"},
	}})
	if err != nil || prompt.State != push.PromptOpen {
		t.Fatalf("%+v, %v", prompt, err)
	}
}

func (h *askedHolder) bound(t *testing.T) {
	t.Helper()
	list, err := h.p.Bindings.Active(context.Background(), h.me.ID)
	if err != nil || len(list) != 1 || list[0].Device != h.device {
		t.Fatalf("%+v, %v", list, err)
	}
}

func (h *askedHolder) unbind(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	list, err := h.p.Bindings.Active(ctx, h.me.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range list {
		if _, err := h.p.Bindings.Unbind(ctx, mobilecert.Who{Account: h.me.ID, Name: h.me.Name, Organisation: h.me.OrganisationID}, b.ID); err != nil {
			t.Fatal(err)
		}
	}
}
