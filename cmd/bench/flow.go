package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"
)

// bindJob binds a certificate that the server has never seen to an account that has no
// binding.
var bindJob = &job{
	name: "bind", noun: "bind flows",
	steps: []string{"start session", "open event stream", "scan", "sign", "confirm", "confirm to event", "binding read"},
	event: stepEvent, person: bindPerson, flow: bindFlow, parts: bindParts, appends: bindAppends,
}

// The steps of a bind flow, in their order.
const (
	stepStart = iota
	stepStream
	stepScan
	stepSign
	stepConfirm
	stepEvent // from sending the confirmation to the event on the page
	stepRead
)

// streamed is what the page's event stream brought in the end.
type streamed struct {
	at      time.Time
	binding string
	err     error
}

var startBody = []byte(`{"purpose":"bind","provider":"` + provider + `"}`)

// bindFlow is one whole binding: the page starts a session and opens its event stream, the
// phone scans the code that the stream shows, checks and signs the statement and
// confirms, the page hears of it and reads the binding.
func bindFlow(ctx context.Context, p *people, k *worker, i int) (t timing, err error) {
	token := p.tokens[i]
	mobile := <-p.phones
	mobile.line = k.mobile
	defer func() { p.phones <- mobile }()
	t0 := time.Now()
	a, err := k.page.do("POST", "/v1/qr-sessions", startBody, "Authorization", token)
	if err != nil {
		return t, err
	}
	if a.status != 201 {
		return t, fmt.Errorf("start: %s", refused(a))
	}
	id, secret := field(a.body, "id"), field(a.body, "browser_secret")
	t1 := time.Now()
	t[stepStart] = t1.Sub(t0)

	if a, err = k.stream.do("GET", "/v1/qr-sessions/"+id+"/events", nil, "Certlink-Browser-Secret", secret); err != nil {
		return t, err
	}
	if a.status != 200 || !a.events {
		return t, fmt.Errorf("events: %s", refused(a))
	}
	name, data, err := k.stream.nextEvent()
	if err != nil {
		return t, fmt.Errorf("events: %w", err)
	}
	code := field(data, "code")
	if name != "created" || code == "" {
		k.stream.close()
		return t, fmt.Errorf("the first event is %q", name)
	}
	t2 := time.Now()
	t[stepStream] = t2.Sub(t1)
	reading := k.stream.conn
	k.watch <- struct{}{} // from here on the stream is read beside the phone's work
	defer func() {
		if err != nil { // the reader must be at rest before the next flow
			_ = reading.SetDeadline(time.Now())
			<-k.events
			k.stream.close()
		}
	}()

	s, err := mobile.Scan(ctx, code)
	if err != nil {
		return t, fmt.Errorf("scan: %w", err)
	}
	t3 := time.Now()
	t[stepScan] = t3.Sub(t2)
	jws, err := mobile.Sign(s, p.keys[i])
	if err != nil {
		return t, fmt.Errorf("sign: %w", err)
	}
	t4 := time.Now()
	t[stepSign] = t4.Sub(t3)
	if err := mobile.Send(ctx, s, jws); err != nil {
		return t, fmt.Errorf("confirm: %w", err)
	}
	if s.State != "confirmed" || s.Result == nil {
		return t, fmt.Errorf("confirm: the session is %s", s.State)
	}
	t5 := time.Now()
	t[stepConfirm] = t5.Sub(t4)
	told := <-k.events
	if told.err == nil && told.binding != s.Result.ID {
		told.err = fmt.Errorf("it names the binding %q, the phone %q", told.binding, s.Result.ID)
	}
	if told.err != nil {
		k.events <- told // for the deferred cleaning up
		return t, fmt.Errorf("event: %w", told.err)
	}
	t[stepEvent] = told.at.Sub(t4)
	t6 := time.Now()
	a, e := k.page.do("GET", "/v1/bindings/"+told.binding, nil, "Authorization", token)
	if e == nil && (a.status != 200 || !bytes.Contains(a.body, []byte(`"state":"active"`)) ||
		!bytes.Contains(a.body, []byte(`"fingerprint":"`+p.keys[i].Certificate.Fingerprint()+`"`))) {
		e = fmt.Errorf("binding: %s", refused(a))
	}
	t[stepRead] = time.Since(t6)
	if e != nil {
		k.events <- streamed{}
		return t, e
	}
	return t, nil
}

// follow reads event streams, one at a time, until the confirmation. It is a goroutine
// of its own so that the event's moment is taken when it comes and not when the phone's
// answer has been read.
func (k *worker) follow() {
	for range k.watch {
		k.events <- k.confirmed()
	}
}

var errEnded = errors.New("the stream ended without a confirmation")

func (k *worker) confirmed() (told streamed) {
	for {
		name, data, err := k.stream.nextEvent()
		switch {
		case err != nil:
			told.err = err
			return told
		case name == "" && told.at.IsZero():
			told.err = errEnded
			return told
		case name == "":
			return told // and the connection is free for the next stream
		case name == "confirmed":
			told.at = time.Now()
			_, result, _ := bytes.Cut(data, []byte(`"result":`))
			told.binding = field(result, "id")
		case name == "failed" || name == "expired" || name == "cancelled" || name == "rejected":
			told.err = fmt.Errorf("the session is %s", name)
		}
	}
}
