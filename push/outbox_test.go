package push_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"certlink/internal/clock"
	"certlink/internal/effect"
	"certlink/internal/fault"
	"certlink/internal/feed"
	"certlink/push"
	"certlink/store"
	"certlink/store/sqlite"
)

// post is a channel or transport that keeps what it is given, and can be down.
type post struct {
	mu    sync.Mutex
	got   []string
	tries int
	fail  func(to string) error
	meet  chan struct{} // each delivery waits here, where it is set
}

func (p *post) take(to, what string) error {
	if p.meet != nil {
		<-p.meet
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tries++
	if p.fail != nil {
		if err := p.fail(to); err != nil {
			return err
		}
	}
	p.got = append(p.got, what)
	return nil
}

func (p *post) Send(_ context.Context, m *push.Message) error { return p.take(m.ID, m.ID) }
func (p *post) Push(_ context.Context, token string, n push.Note) error {
	return p.take(token, token+" "+n.ID+" "+n.Key)
}
func (p *post) Text(_ context.Context, id, mobile, text string) error {
	return p.take(mobile, mobile+" "+text)
}
func (p *post) Deliver(_ context.Context, id string, m *push.Mail) error {
	return p.take(m.To, m.To+" "+m.Subject+" "+m.Text)
}

func (p *post) set(fail func(string) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = fail
}

func (p *post) all() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.got...)
}

// office is an outbox with phones, letters and short messages.
type office struct {
	t       *testing.T
	clock   *clock.Manual
	db      store.Store
	box     *push.Outbox
	phones  *push.Phones
	notices *push.Notices
	fcm     *post
	hms     *post
	mail    *post
	sms     *post
	over    sync.Map // prompts that are over
}

func (o *office) Phones(_ context.Context, account string) ([]string, error) {
	return []string{account + "-phone-1", account + "-phone-2"}, nil
}

var errNobody = fault.New(fault.NotFound, "test_nobody", "没有", "nobody")

func (o *office) Contact(_ context.Context, account string) (*push.Contact, error) {
	if account == "closed" {
		return nil, errNobody
	}
	to := &push.Contact{Mail: account + "@example.cn", Mobile: "138" + account, NoLetters: account == "quiet"}
	to.Language = map[string]string{"zh": "zh-CN", "en": "en"}[account]
	return to, nil
}

func newOffice(t *testing.T) *office {
	o := &office{t: t, clock: clock.NewManual(time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)), fcm: &post{}, hms: &post{}, mail: &post{}, sms: &post{}}
	db, err := sqlite.Open(ctx, t.TempDir(), push.Collections())
	must(t, err)
	t.Cleanup(func() { db.Close() })
	o.db = db
	o.phones = push.NewPhones(db, o.clock.Now, feed.NewHub(db), ring(t), "fcm", "hms")
	o.box = o.server()
	o.notices = &push.Notices{Outbox: o.box, Phones: o.phones, People: o}
	return o
}

// server is another process on the same store.
func (o *office) server() *push.Outbox {
	return push.NewOutbox(o.db, o.clock.Now, map[string]push.Channel{
		push.PhoneChannelName: &push.Ladder{Phones: o.phones, Transports: map[string]push.Transport{"fcm": o.fcm, "hms": o.hms}, Escalate: 5 * time.Minute,
			Obsolete: func(_ context.Context, id string) (bool, error) { _, over := o.over.Load(id); return over, nil }},
		effect.Mail:     &push.Letters{Mailer: o.mail, Templates: map[string]push.MailBuilder{push.NoticeTemplate: (&push.Notices{People: o}).Letter("https://ca.example.cn")}},
		push.SMSChannel: &push.ShortMessages{People: o, Texter: o.sms},
		"plain":         o.fcm,
	})
}

func (o *office) reach(device string, kinds ...string) {
	o.t.Helper()
	var list []push.PhoneChannel
	for _, k := range kinds {
		list = append(list, push.PhoneChannel{Kind: k, Token: k + "-" + device, On: true})
	}
	must(o.t, o.phones.SetChannels(ctx, device, list))
}

func (o *office) deliver() {
	o.t.Helper()
	must(o.t, o.box.Deliver(ctx))
}

func (o *office) tell(key string, more ...string) effect.Effect {
	o.t.Helper()
	data := map[string]string{"key": key}
	for i := 0; i+1 < len(more); i += 2 {
		data[more[i]] = more[i+1]
	}
	e := effect.New(effect.Push, o.clock.Now(), data)
	must(o.t, o.notices.Carry(ctx, e))
	return e
}

func TestTwoServersSendOnce(t *testing.T) {
	o := newOffice(t)
	for i := range 200 {
		must(t, o.box.Put(ctx, &push.Message{ID: fmt.Sprint("m", i), Channel: "plain", Lane: push.LaneSoon, At: o.clock.Now()}))
	}
	var g sync.WaitGroup
	for range 2 {
		box := o.server()
		g.Go(func() {
			if err := box.Deliver(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	g.Wait()
	seen := map[string]int{}
	for _, id := range o.fcm.all() {
		seen[id]++
	}
	if len(seen) != 200 || len(o.fcm.all()) != 200 {
		t.Fatalf("%d messages, sent %d times", len(seen), len(o.fcm.all()))
	}
}

func TestAServerThatDiesLeavesItsMessages(t *testing.T) {
	o := newOffice(t)
	must(t, o.box.Put(ctx, &push.Message{ID: "m", Channel: "plain", At: o.clock.Now()}))
	dying, kill := context.WithCancel(ctx)
	o.fcm.fail = func(string) error { kill(); return dying.Err() }
	_ = o.box.Deliver(dying)
	o.fcm.set(nil)
	must(t, o.server().Deliver(ctx))
	if len(o.fcm.all()) != 0 {
		t.Fatal("taken from a server that may still be sending")
	}
	o.clock.Advance(31 * time.Second)
	must(t, o.server().Deliver(ctx))
	if len(o.fcm.all()) != 1 {
		t.Fatal("lost")
	}
}

// A backlog does not stand before what somebody waits for: each lane is a queue of
// its own, and the bulk leaves a part of the channel's allowance alone.
func TestABacklogStarvesNobody(t *testing.T) {
	o := newOffice(t)
	o.box.SetRate("plain", push.Rate{PerSecond: 10, Burst: 40})
	for i := range 500 {
		must(t, o.box.Put(ctx, &push.Message{ID: fmt.Sprint("bulk", i), Channel: "plain", Lane: push.LaneBulk, At: o.clock.Now()}))
	}
	for round := range 20 {
		must(t, o.box.Empty(ctx, push.Queue{Channel: "plain", Lane: push.LaneBulk}))
		id := fmt.Sprint("now", round)
		must(t, o.box.Put(ctx, &push.Message{ID: id, Channel: "plain", Lane: push.LaneNow, At: o.clock.Now()}))
		must(t, o.box.Empty(ctx, push.Queue{Channel: "plain", Lane: push.LaneNow}))
		if got := o.fcm.all(); got[len(got)-1] != id {
			t.Fatalf("in round %d the confirmation waits behind reminders", round)
		}
		o.clock.Advance(time.Second)
	}
	for range 100 {
		must(t, o.box.Empty(ctx, push.Queue{Channel: "plain", Lane: push.LaneBulk}))
		o.clock.Advance(time.Second)
	}
	if n := len(o.fcm.all()); n != 520 {
		t.Fatalf("%d of 520 sent", n)
	}
}

// The channel is down for an hour: next to nothing is tried meanwhile, nothing is
// lost, and afterwards no second brings more than the rate.
func TestAnHourWithoutTheChannel(t *testing.T) {
	o := newOffice(t)
	o.box.SetRate("plain", push.Rate{PerSecond: 20, Burst: 20})
	o.fcm.set(func(string) error { return errors.New("connection refused") })
	n := 0
	for range 720 {
		for range 2 {
			must(t, o.box.Put(ctx, &push.Message{ID: fmt.Sprint("m", n), Channel: "plain", Lane: push.LaneNow, At: o.clock.Now()}))
			n++
		}
		o.deliver()
		o.clock.Advance(5 * time.Second)
	}
	if o.fcm.tries > 600 {
		t.Errorf("%d tries at a channel that is down", o.fcm.tries)
	}
	tries := o.fcm.tries
	o.fcm.set(nil)
	most, seconds := 0, 0
	for seconds = 0; len(o.fcm.all()) < n && seconds < 3600; seconds++ {
		before := len(o.fcm.all())
		o.deliver()
		most = max(most, len(o.fcm.all())-before)
		o.clock.Advance(time.Second)
	}
	if len(o.fcm.all()) != n || most > 40 {
		t.Fatalf("%d of %d after %d s, %d in the worst second", len(o.fcm.all()), n, seconds, most)
	}
	t.Logf("%d tries in the hour; then %d messages in %d s, at most %d in a second", tries, n, seconds, most)
}

func TestAPhoneIsCalledByItsOwnChannelsInTheirOrder(t *testing.T) {
	o := newOffice(t)
	o.reach("d1", "hms", "fcm")
	o.tell(push.KeyPrompt, "device", "d1", "prompt", "p1")
	o.deliver()
	if len(o.hms.all()) != 0 {
		t.Fatal("called before its open stream had a chance")
	}
	o.clock.Advance(3 * time.Second)
	o.deliver()
	if got := o.hms.all(); len(got) != 1 || got[0] != "hms-d1 p1 prompt" || len(o.fcm.all()) != 0 {
		t.Fatalf("%v, %v", got, o.fcm.all())
	}
	o.clock.Advance(6 * time.Minute) // no receipt
	o.deliver()
	if got := o.fcm.all(); len(got) != 1 {
		t.Fatalf("the next channel was not tried: %v", got)
	}
	o.clock.Advance(6 * time.Minute)
	o.deliver()
	if len(o.hms.all())+len(o.fcm.all()) != 2 {
		t.Fatal("called again and again")
	}
	// A phone that has asked needs no call, and neither does a prompt that is over.
	o.tell(push.KeyPrompt, "device", "d1", "prompt", "p2")
	o.clock.Advance(time.Second)
	must(t, o.phones.Asked(ctx, "d1"))
	o.tell(push.KeyPrompt, "device", "d1", "prompt", "p3")
	o.over.Store("p3", true)
	o.clock.Advance(3 * time.Second)
	o.deliver()
	if len(o.hms.all()) != 1 {
		t.Fatalf("%v", o.hms.all())
	}
}

func TestATokenThatIsGoneIsRetired(t *testing.T) {
	o := newOffice(t)
	o.reach("d1", "fcm", "hms")
	o.fcm.set(func(string) error { return push.ErrTokenGone })
	for i := range 3 {
		o.tell("binding_removed", "device", "d1", "id", fmt.Sprint(i))
		o.deliver()
	}
	if o.fcm.tries != 1 || len(o.hms.all()) != 3 {
		t.Fatalf("%d tries at the retired token, %d by the other", o.fcm.tries, len(o.hms.all()))
	}
	list, err := o.phones.Channels(ctx, "d1")
	must(t, err)
	if list[0].RetiredAt == nil || list[0].Token != "" {
		t.Fatalf("%+v", list)
	}
	// A new token is used at once; naming the channel without one keeps it.
	o.fcm.set(nil)
	o.reach("d1", "fcm", "hms")
	must(t, o.phones.SetChannels(ctx, "d1", []push.PhoneChannel{{Kind: "fcm", On: true}, {Kind: "hms"}}))
	o.tell("binding_removed", "device", "d1")
	o.deliver()
	if len(o.fcm.all()) != 1 {
		t.Fatal("the new token is not used")
	}
	for _, bad := range [][]push.PhoneChannel{{{Kind: "pigeon", Token: "x"}}, {{Kind: "fcm", Token: "x"}, {Kind: "fcm", Token: "y"}}, {{Kind: "hms", Token: strings.Repeat("x", 5000)}}} {
		refused(t, o.phones.SetChannels(ctx, "d9", bad), push.ErrChannel)
	}
	refused(t, o.phones.SetChannels(ctx, "d9", []push.PhoneChannel{{Kind: "fcm", On: true}}), push.ErrChannel)
}

// What leaves the house holds an id and a key; the letter and the short message hold
// a sentence that names nobody.
func TestAccountsAreToldByEveryWayTheyHave(t *testing.T) {
	o := newOffice(t)
	o.reach("acc1-phone-1", "fcm")
	e := o.tell("binding_removed", "account", "acc1", "device", "acc1-phone-2", "binding", "binding-1", "name", "王敏 330106199001011234")
	must(t, o.notices.Carry(ctx, e)) // the relay repeats it
	o.deliver()
	if len(o.fcm.all()) != 1 || len(o.mail.all()) != 1 || len(o.sms.all()) != 1 {
		t.Fatalf("%v %v %v", o.fcm.all(), o.mail.all(), o.sms.all())
	}
	for _, s := range append(append(o.fcm.all(), o.mail.all()...), o.sms.all()...) {
		if strings.Contains(s, "王敏") || strings.Contains(s, "330106199001011234") || strings.Contains(s, "binding-1") {
			t.Errorf("personal data leave: %s", s)
		}
	}
	for _, device := range []string{"acc1-phone-1", "acc1-phone-2"} {
		list, err := o.box.Notices(ctx, device, 10)
		must(t, err)
		if len(list) != 1 || list[0].Data["key"] != "binding_removed" {
			t.Fatalf("the inbox of %s: %+v", device, list)
		}
	}
	o.tell("binding_removed", "account", "closed")
	o.deliver()
	if len(o.mail.all()) != 1 {
		t.Fatal("a closed account is written to")
	}
}

// Who has turned letters off hears by letter of their account's safety only. A letter
// is in the language that was chosen, as text and as HTML.
func TestLettersAsPeopleWantThem(t *testing.T) {
	o := newOffice(t)
	o.notices.More = func(context.Context, string, string) ([]string, []string, error) {
		return []string{"西部CA <客服>：400-860-0271、028-86694886"}, []string{"Western CA <desk>"}, nil
	}
	o.tell("certificate_expires", "account", "quiet")
	o.tell("binding_removed", "account", "quiet")
	for range 2 {
		o.deliver()
	}
	if got := o.mail.all(); len(got) != 1 {
		t.Fatalf("written: %v", got)
	}
	build := o.notices.Letter("https://ca.example.cn")
	for account, want := range map[string][2]bool{"zh": {true, false}, "en": {false, true}, "both": {true, true}} {
		m, err := build(ctx, &push.Message{Data: map[string]string{"key": "bound_expires", "account": account}})
		must(t, err)
		for _, body := range []string{m.Text, m.HTML} {
			zh, en := strings.Contains(body, "请联系签发它的"), strings.Contains(body, "ask its authority")
			if zh != want[0] || en != want[1] || !strings.Contains(body, "https://ca.example.cn/portal/") {
				t.Errorf("%s: zh %v, en %v in %s", account, zh, en, body)
			}
		}
		if strings.Contains(m.HTML, "<客服>") || strings.Contains(m.HTML, "<desk>") || !strings.Contains(m.Text, "Western CA <desk>") != !want[1] {
			t.Errorf("%s: %s", account, m.HTML)
		}
		if numbers := strings.Count(m.HTML, `<span class="whole">`); numbers == 2 != want[0] || want[0] && !strings.Contains(m.Text, "：400-860-0271、028-86694886\n") {
			t.Errorf("%s: %d numbers are kept whole in %s", account, numbers, m.HTML)
		}
		if subject := "【证联】您绑定的证书即将到期"; m.Subject == subject != want[0] || !want[0] && m.Subject != "[certlink] A certificate that you have bound is about to expire" {
			t.Errorf("%s: %s", account, m.Subject)
		}
	}
	// Nobody is told to turn off what cannot be turned off.
	safety, err := build(ctx, &push.Message{Data: map[string]string{"key": "binding_removed", "account": "quiet"}})
	must(t, err)
	if strings.Contains(safety.Text, "账号设置") || strings.Contains(safety.Text, "Account settings") || !strings.Contains(safety.Text, "不能关闭") {
		t.Errorf("%s", safety.Text)
	}
	if m, err := build(ctx, &push.Message{Data: map[string]string{"key": "certificate_expires", "account": "quiet"}}); m != nil || err != nil {
		t.Errorf("one that was on its way: %+v, %v", m, err) // turned off meanwhile
	}
}

func TestADeadLetterIsSentAgain(t *testing.T) {
	o := newOffice(t)
	o.fcm.set(func(string) error { return &push.PermanentError{Err: errors.New("malformed")} })
	must(t, o.box.Put(ctx, &push.Message{ID: "m", Channel: "plain", At: o.clock.Now()}))
	o.deliver()
	dead, _, err := o.box.DeadLetters(ctx, "", 10)
	must(t, err)
	if len(dead) != 1 || dead[0].Error != "malformed" {
		t.Fatalf("%+v", dead)
	}
	o.fcm.set(nil)
	for range 2 {
		if _, err := o.box.Resend(ctx, "m"); err != nil {
			t.Fatal(err)
		}
	}
	o.deliver()
	if len(o.fcm.all()) != 1 {
		t.Fatal("not sent")
	}
	_, err = o.box.Resend(ctx, "nothing")
	refused(t, err, push.ErrMessageUnknown)
}

func TestCollapsePerRequest(t *testing.T) {
	o := newOffice(t)
	o.reach("d1", "fcm")
	for range 20 {
		o.tell(push.KeyPrompt, "device", "d1", "prompt", "p1")
	}
	o.clock.Advance(3 * time.Second)
	o.deliver()
	if len(o.fcm.all()) != 1 {
		t.Fatalf("one prompt rang %d times", len(o.fcm.all()))
	}
}
