package api_test

import (
	"testing"

	"certlink/internal/effect"
	"certlink/push"
)

type channels struct {
	Offered []string
	Items   []struct {
		Kind        string
		On, Retired bool
	}
}

func TestAPhoneSaysHowItIsReached(t *testing.T) {
	w := newWorld(t)
	phone := w.phone("admin")
	var v channels
	phone.call("GET", "/v1/phone/channels", nil).ok(200, &v)
	if len(v.Offered) != 2 || len(v.Items) != 0 {
		t.Fatalf("%+v", v)
	}
	phone.call("PUT", "/v1/phone/channels", `{"channels":[{"kind":"hms","token":"t1","on":true},{"kind":"fcm","token":"t2","on":false}]}`).ok(200, &v)
	if len(v.Items) != 2 || v.Items[0].Kind != "hms" || !v.Items[0].On || v.Items[1].On {
		t.Fatalf("%+v", v)
	}
	phone.call("PUT", "/v1/phone/channels", `{"channels":[{"kind":"fcm","on":true}]}`).ok(200, &v)
	if len(v.Items) != 1 || !v.Items[0].On {
		t.Fatalf("%+v", v)
	}
	phone.call("PUT", "/v1/phone/channels", `{"channels":[{"kind":"pigeon","token":"x","on":true}]}`).refused(422, "channel_unknown")
	phone.call("PUT", "/v1/phone/channels", `{"channels":[{"kind":"hms","on":true}]}`).refused(422, "channel_unknown")
	nine := ""
	for range 9 {
		nine += `{"kind":"fcm","token":"x","on":true},`
	}
	phone.call("PUT", "/v1/phone/channels", `{"channels":[`+nine[:len(nine)-1]+`]}`).refused(400, "request_invalid")
}

func TestNoticesStandInTheInbox(t *testing.T) {
	w := newWorld(t)
	phone := w.phone("admin")
	notices := &push.Notices{Outbox: w.outbox, Phones: w.phones}
	check(t, notices.Carry(ctx, effect.New(effect.Push, w.clock.Now(), map[string]string{"key": "binding_removed", "device": phone.id, "binding": "b1"})))
	var v struct {
		Notices []struct{ ID, Key, TextZH string }
	}
	phone.call("GET", "/v1/phone/inbox", nil).ok(200, &v)
	if len(v.Notices) != 1 || v.Notices[0].Key != "binding_removed" {
		t.Fatalf("%+v", v)
	}
	other := w.phone("zhangwei")
	other.call("GET", "/v1/phone/inbox", nil).ok(200, &v)
	if len(v.Notices) != 0 {
		t.Fatalf("another phone sees it: %+v", v)
	}
}

func TestOperatorsSendDeadLettersAgain(t *testing.T) {
	w := newWorld(t)
	check(t, w.outbox.Put(ctx, &push.Message{ID: "m1", Channel: push.PhoneChannelName, Lane: push.LaneSoon, At: w.clock.Now(), Device: "d", Data: map[string]string{"key": "order_paid"}}))
	check(t, w.outbox.Deliver(ctx))
	operator := w.browser("operator")
	var v struct {
		Items []struct{ ID, Channel, State, About, Error string }
	}
	operator.get("/v1/messages").ok(200, &v)
	if len(v.Items) != 1 || v.Items[0].About != "order_paid" || v.Items[0].Error == "" || v.Items[0].State != "dead" {
		t.Fatalf("%+v", v)
	}
	operator.get("/v1/messages?cursor=x").refused(400, "cursor_invalid")
	if operator.post("/v1/messages/m1/resend", "{}").ok(200).member("state") != "waiting" {
		t.Error("not put back")
	}
	operator.get("/v1/messages").ok(200, &v)
	if len(v.Items) != 0 {
		t.Fatalf("%+v", v)
	}
	operator.post("/v1/messages/nothing/resend", "{}").refused(404, "message_unknown")
	w.browser("admin").get("/v1/messages").refused(403, "role_missing")
	w.browser("admin").post("/v1/messages/m1/resend", "{}").refused(403, "role_missing")
}
