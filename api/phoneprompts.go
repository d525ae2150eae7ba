package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"unicode"

	"certlink/confirm"
	"certlink/mobilecert"
	"certlink/push"
	"certlink/store"
)

// phonePrompt is a prompt as the phone sees it that it stands before.
type phonePrompt struct {
	Prompt     string                   `json:"prompt"`
	Purpose    string                   `json:"purpose"`
	State      confirm.State            `json:"state"`
	CreatedAt  string                   `json:"created_at"`
	ExpiresAt  string                   `json:"expires_at"`
	EndedAt    string                   `json:"ended_at,omitempty"`
	Actor      partyView                `json:"actor"`
	Subject    partyView                `json:"subject"`
	Details    map[string]string        `json:"details"`
	SignedBy   confirm.SignedBy         `json:"signed_by"`
	KeyRequest *keyRequestView          `json:"key_request,omitempty"`
	Provider   *mobilecert.ProviderName `json:"provider,omitempty"`
	Statement  base64url                `json:"statement,omitempty"`
	Hints      []confirm.Hint           `json:"hints"`
	Result     json.RawMessage          `json:"result,omitempty"`
	Failure    *failureView             `json:"failure,omitempty"`
	Reason     *confirm.Reason          `json:"reason,omitempty"`
}

func (s *Server) showPhonePrompt(p *push.Prompt) phonePrompt {
	r, terms := &p.Confirmation.Request, &p.Confirmation.Terms
	v := phonePrompt{
		Prompt: p.ID, Purpose: r.Purpose, State: p.State, CreatedAt: stamp(p.CreatedAt), ExpiresAt: stamp(p.ExpiresAt), EndedAt: stampOr(p.EndedAt),
		Actor:   partyView{r.Actor.ID, r.Actor.Name, r.Actor.Organisation},
		Subject: partyView{r.Subject.ID, r.Subject.Name, r.Subject.Organisation},
		Details: terms.Details, SignedBy: terms.SignedBy, Hints: append([]confirm.Hint{}, p.Hints...),
		Failure: s.showFailure(p.Failure), Reason: p.Reason,
	}
	if v.Details == nil {
		v.Details = map[string]string{}
	}
	if v.SignedBy == "" {
		v.SignedBy = confirm.ByCertificate // it failed before the purpose said
	}
	if terms.NewKey != nil {
		v.KeyRequest = showKeyRequest(terms.NewKey, r.Subject.Name)
	}
	if terms.Provider != "" {
		name := s.Catalogue.NameOf(terms.Provider)
		v.Provider = &name
	}
	v.Statement = p.Confirmation.Statement
	if p.Result != nil {
		v.Result = p.Result.View
	}
	return v
}

func (s *Server) phonePromptRoutes() {
	phone := (*call).phone
	s.channelRoutes()
	s.add("GET", "/v1/phone/inbox", phone, s.getInbox)
	s.add("GET", "/v1/phone/events", phone, s.getPhoneEvents)
	s.add("GET", "/v1/phone/prompts", phone, s.getPhonePrompts)
	s.add("GET", "/v1/phone/prompts/:id", phone, s.getPhonePrompt)
	s.add("PUT", "/v1/phone/prompts/:id/key", phone, s.putPromptKey)
	s.add("POST", "/v1/phone/prompts/:id/confirm", phone, s.postPromptConfirm)
	s.add("POST", "/v1/phone/prompts/:id/reject", phone, s.postPromptReject)
	s.add("POST", "/v1/phone/prompts/:id/not-me", phone, s.postPromptNotMe)
}

// inboxView is what a phone is asked now. seq is what its events count.
type inboxView struct {
	Seq   int64         `json:"seq"`
	Items []phonePrompt `json:"items"`
	// Notices ask for nothing; the newest first.
	Notices []noticeView `json:"notices"`
}

// ringing is what a phone's stream tells: look into the inbox, and how much there is.
type ringing struct {
	Seq  int64 `json:"seq"`
	Open int   `json:"open"`
}

// lookInbox tells how a phone's inbox stands. The phone itself is asked about each
// time: a stream of one that was revoked ends.
func (s *Server) lookInbox(device string) looking {
	return func(ctx context.Context) (news, error) {
		if _, err := s.Accounts.Device(ctx, device); err != nil {
			return news{}, err
		}
		seq, err := s.Phones.Rung(ctx, device)
		if err != nil {
			return news{}, err
		}
		open, err := s.Prompts.Inbox(ctx, device)
		return news{seq: seq, of: shown{"inbox", ringing{seq, len(open)}}}, err
	}
}

func (s *Server) getInbox(c *call) error {
	wait, since, err := c.waiting()
	if err != nil {
		return err
	}
	device := c.device
	if wait > 0 {
		f, err := s.follow(c.ctx, device, s.Phones.Watch(device), s.lookInbox(device))
		if err != nil {
			return err
		}
		defer f.close()
		if err := f.await(since, wait); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(s.base, s.Limits.Timeout) // the call's own may have gone by
	defer cancel()
	out := inboxView{Items: []phonePrompt{}}
	if out.Seq, err = s.Phones.Rung(ctx, device); err != nil {
		return err
	}
	open, err := s.Prompts.Inbox(ctx, device)
	if err != nil {
		return err
	}
	for _, p := range open {
		out.Items = append(out.Items, s.showPhonePrompt(p))
	}
	c.ctx = ctx
	if out.Notices, err = s.noticesOf(c); err != nil {
		return err
	}
	if err := s.Phones.Asked(ctx, device); err != nil {
		return err
	}
	return c.ok(out)
}

func (s *Server) getPhoneEvents(c *call) error {
	f, err := s.follow(c.ctx, c.device, s.Phones.Watch(c.device), s.lookInbox(c.device))
	if err != nil {
		return err
	}
	return c.stream(f)
}

func (s *Server) getPhonePrompts(c *call) error {
	after, limit, err := c.paging()
	if err != nil {
		return err
	}
	list, next, err := s.Prompts.History(c.ctx, c.device, store.Cursor(after), limit)
	if err != nil {
		return err
	}
	out := page[phonePrompt]{Items: []phonePrompt{}, Next: string(next)}
	for _, p := range list {
		if p.OpenedAt != nil { // what still waits its turn is not the phone's business
			out.Items = append(out.Items, s.showPhonePrompt(p))
		}
	}
	return c.ok(out)
}

func (s *Server) getPhonePrompt(c *call) error {
	id, err := c.id("id", push.ErrPromptUnknown)
	if err != nil {
		return err
	}
	return s.answerPrompt(c)(s.Prompts.For(c.ctx, id, c.device))
}

func (s *Server) putPromptKey(c *call) error {
	id, err := c.id("id", push.ErrPromptUnknown)
	if err != nil {
		return err
	}
	csr, err := c.readCSR()
	if err != nil {
		return err
	}
	return s.answerPrompt(c)(s.Prompts.Key(c.ctx, id, c.device, csr))
}

func (s *Server) postPromptConfirm(c *call) error {
	id, err := c.id("id", push.ErrPromptUnknown)
	if err != nil {
		return err
	}
	var jws string
	if err := c.read(object{{"jws", &jws, true}}); err != nil {
		return err
	}
	return s.answerPrompt(c)(s.Prompts.Confirm(c.ctx, id, c.device, jws))
}

func (s *Server) postPromptReject(c *call) error {
	id, err := c.id("id", push.ErrPromptUnknown)
	if err != nil {
		return err
	}
	r, err := c.readReason()
	if err != nil {
		return err
	}
	return s.answerPrompt(c)(s.Prompts.Reject(c.ctx, id, c.device, r))
}

func (s *Server) postPromptNotMe(c *call) error {
	id, err := c.id("id", push.ErrPromptUnknown)
	if err != nil {
		return err
	}
	if err := c.read(object{}); err != nil {
		return err
	}
	return s.answerPrompt(c)(s.Prompts.NotMe(c.ctx, id, c.device))
}

func (s *Server) answerPrompt(c *call) func(*push.Prompt, error) error {
	return func(p *push.Prompt, err error) error {
		if err != nil {
			return err
		}
		return c.ok(s.showPhonePrompt(p))
	}
}

// readCSR reads a phone's request for a new key.
func (c *call) readCSR() ([]byte, error) {
	var text string
	if err := c.read(object{{"csr", &text, true}}); err != nil {
		return nil, err
	}
	csr, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(csr) == 0 {
		return nil, ErrRequest.At("/csr", "应为 base64 编码的 DER", "must be DER in base64")
	}
	return csr, nil
}

// readReason reads why a holder says no. The page that began shows it: nothing in it
// may turn the text around it.
func (c *call) readReason() (confirm.Reason, error) {
	var r confirm.Reason
	if err := c.read(object{{"reason", &r.Code, true}, {"text", &r.Text, false}}); err != nil {
		return r, err
	}
	if strings.ContainsFunc(r.Text, func(x rune) bool { return unicode.In(x, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) && x != '\n' }) {
		return r, ErrRequest.At("/text", "含有不可见字符", "holds invisible characters")
	}
	return r, nil
}
