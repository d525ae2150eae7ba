package phone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
)

// Session is one confirmation that this phone has claimed.
type Session struct {
	ID         string      `json:"session"`
	Claim      string      `json:"claim,omitempty"` // secret; only the phone that scanned has it
	Purpose    string      `json:"purpose"`
	State      string      `json:"state"`
	ExpiresAt  time.Time   `json:"expires_at"`
	Match      Match       `json:"match"`
	KeyRequest *KeyRequest `json:"key_request,omitempty"`
	SignedBy   string      `json:"signed_by"` // "certificate" or "device"
	Provider   *Provider   `json:"provider,omitempty"`
	Hints      []Hint      `json:"hints,omitempty"`
	Result     *Result     `json:"result,omitempty"`
	Failure    *Failure    `json:"failure,omitempty"`

	// Statement is what would be signed; nil while the server waits for a new key.
	Statement *Statement `json:"-"`
	Text      string     `json:"statement,omitempty"`

	// Prompted: the server asked this phone without a code; there is no claim.
	Prompted bool `json:"prompted,omitempty"`

	key *Key // made for this session (enrol, extend)
}

// Match is the two digits that the web page asks for.
type Match struct {
	Required bool   `json:"required"`
	Done     bool   `json:"done"`
	Digits   string `json:"digits,omitempty"`
}

// KeyRequest asks for a new key pair or, with Keep, for a request by one that is here.
type KeyRequest struct {
	Algorithm string `json:"algorithm"`
	Subject   string `json:"subject"`
	Keep      string `json:"keep,omitempty"` // the key on this phone that it must be for
}

// Provider is the authority whose certificates may sign.
type Provider struct {
	ID     string `json:"id"`
	NameZH string `json:"name_zh"`
	NameEN string `json:"name_en"`
}

// Hint says what differs from the last confirmation of this kind on this phone.
type Hint struct {
	Kind  string `json:"kind"`
	Field string `json:"field"`
	Was   string `json:"was"`
}

// Result is what the confirmation brought about, in the server's words.
type Result struct {
	Kind string `json:"kind"` // "binding" or "certificate"
	ID   string `json:"id"`
	// of a certificate
	Certificate []byte   `json:"certificate,omitempty"` // DER
	Chain       [][]byte `json:"chain,omitempty"`
	// of a binding
	AccountName      string     `json:"account_name,omitempty"`
	OrganisationName string     `json:"organisation_name,omitempty"`
	ProviderName     string     `json:"provider_name,omitempty"`
	BoundAt          *time.Time `json:"bound_at,omitempty"`
}

// Failure says why a confirmed act was refused.
type Failure struct {
	Code    string `json:"code"`
	TitleZH string `json:"title_zh"`
	TitleEN string `json:"title_en"`
}

// States of a session, as far as a phone sees them.
const (
	Scanned   = "scanned"   // the holder acts next
	Accepted  = "accepted"  // signed; the server owes the act
	Confirmed = "confirmed" // done
	Failed    = "failed"
	Rejected  = "rejected"
	Cancelled = "cancelled"
	Expired   = "expired"
)

// Over says whether nothing more can happen.
func (s *Session) Over() bool { return s.State != Scanned && s.State != Open && s.State != Accepted }

// readSession is strict: a name that comes twice, or in other letters, is not read.
func readSession(body []byte) (n Session, err error) {
	if err = jsonv2.Unmarshal(body, &n); err != nil {
		err = fmt.Errorf("the server's answer cannot be read: %w", err)
	}
	return n, err
}

// take reads an answer into s.
func (p *Phone) take(s *Session, body []byte) error {
	read := readSession
	if s.Prompted {
		read = readPrompt
	}
	n, err := read(body)
	if err != nil {
		return err
	}
	return p.accept(s, n)
}

// accept makes s what the server answered. The claim comes once, with the scan; a
// statement, once seen, must not change.
func (p *Phone) accept(s *Session, n Session) error {
	if s.ID != "" && n.ID != s.ID || !validName.MatchString(n.ID) {
		return errors.New("the server answered about another session")
	}
	n.key, n.Statement, n.Prompted = s.key, s.Statement, s.Prompted
	if n.Claim == "" {
		n.Claim = s.Claim
	}
	switch {
	case n.Text == "":
		n.Text = s.Text
	case s.Text == "":
		st, err := ParseStatement(n.Text)
		if err != nil {
			return err
		}
		if err := p.check(st, n.Purpose, n.key); err != nil {
			return err
		}
		if n.Provider != nil && st.provider() != "" && st.provider() != n.Provider.ID {
			return fmt.Errorf("%w: provider", ErrStatement)
		}
		n.Statement = st
	case n.Text != s.Text:
		return fmt.Errorf("%w: it is not the one that was shown before", ErrStatement)
	}
	*s = n
	return nil
}

// session makes one call about a session and takes the answer.
func (p *Phone) session(ctx context.Context, s *Session, method, tail string, in any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	var answer json.RawMessage
	if err := p.callRaw(ctx, method, s.path()+tail, "", s.Claim, body, &answer); err != nil {
		return err
	}
	return p.take(s, answer)
}

// Refresh asks how the session stands.
func (p *Phone) Refresh(ctx context.Context, s *Session) error {
	return p.session(ctx, s, "GET", "", nil)
}

// AwaitMatch waits until the digits were typed into the web page, where they are asked
// for. The caller shows s.Match.Digits meanwhile.
func (p *Phone) AwaitMatch(ctx context.Context, s *Session) error {
	for s.Match.Required && !s.Match.Done {
		if s.Over() {
			return s.ended()
		}
		if err := pause(ctx, 400*time.Millisecond); err != nil {
			return err
		}
		if err := p.patiently(ctx, func() error { return p.Refresh(ctx, s) }); err != nil {
			return err
		}
	}
	return nil
}

// ended is why a session that is over brought nothing; nil where it did.
func (s *Session) ended() error {
	switch {
	case s.State == Confirmed || !s.Over():
		return nil
	case s.Failure != nil:
		return &Problem{Code: s.Failure.Code, State: s.State, Title: s.Failure.TitleZH, TitleZH: s.Failure.TitleZH, TitleEN: s.Failure.TitleEN}
	}
	return &Problem{Code: "session_" + s.State, State: s.State,
		Title: endings[s.State][0], TitleZH: endings[s.State][0], TitleEN: endings[s.State][1]}
}

var endings = map[string][2]string{
	Failed:    {"未能完成，未执行任何操作。", "It could not be done, and nothing was done."},
	Rejected:  {"您已在手机上拒绝。", "You refused on the phone."},
	Cancelled: {"网页上已取消。", "It was cancelled on the web page."},
	Expired:   {"已过期，未执行任何操作。", "It has expired and nothing was done."},
}

// Reasons for Reject.
const (
	NotNow        = "not_now"
	WrongAccount  = "wrong_account"
	WrongProvider = "wrong_provider"
	NoCertificate = "no_certificate" // the phone holds none that fits
	Other         = "other"
)

// Reject says no. The reason is shown to whoever began; text may be empty.
func (p *Phone) Reject(ctx context.Context, s *Session, reason, text string) error {
	in := map[string]string{"reason": reason}
	if text != "" {
		in["text"] = text
	}
	return p.patiently(ctx, func() error { return p.session(ctx, s, "POST", "/reject", in) })
}

// NotMe says that the holder did not begin this. It ends the session and is told to
// those who run the server.
func (p *Phone) NotMe(ctx context.Context, s *Session) error {
	return p.patiently(ctx, func() error { return p.session(ctx, s, "POST", "/not-me", struct{}{}) })
}

// Summary is a line of the list of sessions.
type Summary struct {
	ID        string    `json:"session"`
	Purpose   string    `json:"purpose"`
	State     string    `json:"state"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
	Provider  *Provider `json:"provider"`
	Result    *Result   `json:"result"`
	Failure   *Failure  `json:"failure"`
}

// Sessions lists what this phone has scanned, newest first: what is still open, or
// everything that the server still has.
func (p *Phone) Sessions(ctx context.Context, openOnly bool) ([]Summary, error) {
	state := "all"
	if openOnly {
		state = "open"
	}
	return list[Summary](ctx, p, "/v1/phone/sessions", "?state="+state)
}

// list reads all pages of a list. The bound is against a server that never ends one.
func list[T any](ctx context.Context, p *Phone, path, query string) ([]T, error) {
	var all []T
	for cursor, pages := "", 0; pages < 1000; pages++ {
		var page struct {
			Items []T    `json:"items"`
			Next  string `json:"next"`
		}
		q := query
		if cursor != "" {
			sep := "?"
			if q != "" {
				sep = "&"
			}
			q += sep + "cursor=" + url.QueryEscape(cursor)
		}
		if err := p.callRaw(ctx, "GET", path, q, "", nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.Next == "" {
			return all, nil
		}
		cursor = page.Next
	}
	return nil, errors.New("the server's list does not end")
}

const sessionPrefix = "session-"

// Keep remembers an open session, claim included, so that another run of the program
// can go on with it.
func (p *Phone) Keep(s *Session) error { return p.write(sessionPrefix+s.ID, s) }

// Kept are the ids of the sessions remembered.
func (p *Phone) Kept() ([]string, error) {
	names, err := p.keep.List(sessionPrefix)
	for i := range names {
		names[i] = names[i][len(sessionPrefix):]
	}
	return names, err
}

// Resume takes up a remembered session as it stands now.
func (p *Phone) Resume(ctx context.Context, id string) (*Session, error) {
	var kept Session
	found, err := p.read(sessionPrefix+id, &kept)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("this phone remembers no session %q", id)
	}
	// The statement is checked anew, from its bytes.
	s := &Session{ID: kept.ID, Claim: kept.Claim, Prompted: kept.Prompted}
	if kept.KeyRequest != nil {
		if s.key, err = p.keyFor(id); err != nil {
			return nil, err
		}
	}
	return s, p.Refresh(ctx, s)
}

// Forget lets go of a remembered session.
func (p *Phone) Forget(id string) error { return p.keep.Remove(sessionPrefix + id) }
