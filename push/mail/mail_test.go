package mail_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"mime"
	"mime/multipart"
	"net"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"certlink/push"
	"certlink/push/mail"
)

// server is an SMTP server on this machine that keeps what it is sent.
type server struct {
	addr  string
	roots *x509.CertPool

	mu      sync.Mutex
	got     [][]byte
	to      []string
	secured bool
	refuse  error // to RCPT
}

func (s *server) NewSession(c *smtp.Conn) (smtp.Session, error) {
	_, tls := c.TLSConnectionState()
	return &session{s: s, tls: tls}, nil
}

type session struct {
	s      *server
	tls    bool
	signed bool
}

func (x *session) AuthMechanisms() []string { return []string{sasl.Plain} }
func (x *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "certlink" || password != "s3cret" {
			return smtp.ErrAuthFailed
		}
		x.signed = true
		return nil
	}), nil
}
func (x *session) Mail(string, *smtp.MailOptions) error {
	if !x.signed {
		return smtp.ErrAuthRequired
	}
	return nil
}
func (x *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	if x.s.refuse != nil {
		return x.s.refuse
	}
	x.s.to = append(x.s.to, to)
	return nil
}
func (x *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	x.s.got, x.s.secured = append(x.s.got, raw), x.tls
	return err
}
func (x *session) Reset()        {}
func (x *session) Logout() error { return nil }

func newServer(t *testing.T, implicit bool) *server {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	s := &server{roots: x509.NewCertPool()}
	s.roots.AddCert(cert)
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	srv := smtp.NewServer(s)
	srv.Domain, srv.TLSConfig = "localhost", config
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s.addr = ln.Addr().String()
	if implicit {
		ln = tls.NewListener(ln, config)
	}
	go srv.Serve(ln)
	t.Cleanup(func() { srv.Close() })
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *server) sender(t *testing.T, change ...func(*mail.Settings)) *mail.Sender {
	t.Helper()
	set := mail.Settings{Addr: s.addr, Security: mail.StartTLS, User: "certlink", Password: "s3cret", From: "证联 <noreply@ca.example.cn>", TLS: &tls.Config{RootCAs: s.roots}}
	for _, c := range change {
		c(&set)
	}
	v, err := mail.New(set)
	must(t, err)
	return v
}

func letter() *push.Mail {
	return &push.Mail{To: "wang@example.cn", Subject: "电子发票 / Invoice", Text: "您好\n.\nHello", HTML: "<p>您好</p>",
		Attachments: []push.Attachment{{Name: "发票.pdf", Type: "application/pdf", Data: []byte("%PDF-1.7\x00\xff")}}}
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestALetterArrivesWhole(t *testing.T) {
	for name, implicit := range map[string]bool{mail.StartTLS: false, mail.Implicit: true} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, implicit)
			must(t, s.sender(t, func(m *mail.Settings) { m.Security = name }).Deliver(within(t), "msg1", letter()))
			if len(s.got) != 1 || !s.secured || s.to[0] != "wang@example.cn" {
				t.Fatalf("%d letters, TLS %v, to %v", len(s.got), s.secured, s.to)
			}
			m, err := netmail.ReadMessage(bytes.NewReader(s.got[0]))
			must(t, err)
			subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
			must(t, err)
			if subject != "电子发票 / Invoice" || m.Header.Get("Message-ID") != "<msg1@ca.example.cn>" {
				t.Fatalf("%q, %q", subject, m.Header.Get("Message-ID"))
			}
			parts := map[string]string{}
			read(t, m.Header.Get("Content-Type"), m.Body, "", parts)
			if parts["text/plain"] != "您好\r\n.\r\nHello" && parts["text/plain"] != "您好\n.\nHello" || parts["text/html"] != "<p>您好</p>" || parts["application/pdf"] != "%PDF-1.7\x00\xff" {
				t.Fatalf("%q", parts)
			}
		})
	}
}

// read takes a MIME message apart, by media type.
func read(t *testing.T, contentType string, body io.Reader, encoding string, into map[string]string) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(contentType)
	must(t, err)
	if !strings.HasPrefix(kind, "multipart/") {
		raw, err := io.ReadAll(decoded(body, encoding))
		must(t, err)
		into[kind] = string(raw)
		return
	}
	for parts := multipart.NewReader(body, params["boundary"]); ; {
		p, err := parts.NextRawPart()
		if err == io.EOF {
			return
		}
		must(t, err)
		read(t, p.Header.Get("Content-Type"), p, p.Header.Get("Content-Transfer-Encoding"), into)
	}
}

func TestNobodyAddsAHeader(t *testing.T) {
	s := newServer(t, false)
	v := s.sender(t)
	for name, change := range map[string]func(*push.Mail){
		"subject":    func(m *push.Mail) { m.Subject = "x\r\nBcc: evil@example.com" },
		"addressee":  func(m *push.Mail) { m.To = "a@example.cn\r\nBcc: evil@example.com" },
		"two":        func(m *push.Mail) { m.To = "a@example.cn, b@example.cn" },
		"attachment": func(m *push.Mail) { m.Attachments[0].Name = "a\r\nX: y" },
		"type":       func(m *push.Mail) { m.Attachments[0].Type = "text/plain\r\nX: y" },
		"path":       func(m *push.Mail) { m.Attachments[0].Name = "../../x" },
	} {
		m := letter()
		change(m)
		var permanent *push.PermanentError
		if err := v.Deliver(within(t), "x", m); !errors.As(err, &permanent) {
			t.Errorf("%s: %v", name, err)
		}
	}
	m := letter()
	m.Text = "\r\n.\r\nMAIL FROM:<x>\r\nBcc: evil@example.com"
	must(t, v.Deliver(within(t), "x", m))
	if len(s.got) != 1 || len(s.to) != 1 {
		t.Fatalf("%d letters to %v", len(s.got), s.to)
	}
}

func TestRefusalsForGoodAndForNow(t *testing.T) {
	s := newServer(t, false)
	var permanent *push.PermanentError
	for code, forGood := range map[int]bool{550: true, 553: true, 451: false, 421: false} {
		s.mu.Lock()
		s.refuse = &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: "no"}
		s.mu.Unlock()
		if err := s.sender(t).Deliver(within(t), "x", letter()); err == nil || errors.As(err, &permanent) != forGood {
			t.Errorf("%d: %v", code, err)
		}
	}
	s.refuse = nil
	// A wrong password is the operator's to mend: the letters wait.
	err := s.sender(t, func(m *mail.Settings) { m.Password = "wrong" }).Deliver(within(t), "x", letter())
	if err == nil || errors.As(err, &permanent) {
		t.Errorf("wrong password: %v", err)
	}
	// A server whose certificate is not of a known root gets nothing.
	err = s.sender(t, func(m *mail.Settings) { m.TLS = nil }).Deliver(within(t), "x", letter())
	if err == nil || errors.As(err, &permanent) || len(s.got) != 0 {
		t.Errorf("unknown root: %v, %d", err, len(s.got))
	}
}

func TestSettings(t *testing.T) {
	for _, s := range []mail.Settings{
		{Addr: "mail.example.cn", Security: mail.StartTLS, From: "a@b.cn"},
		{Addr: "mail.example.cn:25", Security: mail.None, From: "a@b.cn"},
		{Addr: "mail.example.cn:25", Security: "tls", From: "a@b.cn"},
		{Addr: "mail.example.cn:25", Security: mail.StartTLS, From: "nobody"},
	} {
		if _, err := mail.New(s); err == nil {
			t.Errorf("%+v is taken", s)
		}
	}
}
