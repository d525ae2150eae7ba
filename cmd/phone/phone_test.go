package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emmansun/gmsm/smx509"
	"github.com/rogpeppe/go-internal/testscript"

	"certlink/phone"
	"certlink/trust"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"phone": main})
}

// The scripts in testdata run this command against a server in demo mode.
func TestScripts(t *testing.T) {
	url := server(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("CERTLINK_PHONE_DIR", filepath.Join(e.WorkDir, "phone"))
			e.Setenv("CERTLINK_PHONE_SERVER", url)
			e.Setenv("CERTLINK_PHONE_LANG", "en")
			e.Setenv("SERVER", url)
			e.Values[pageKey{}] = newPage(url)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"page": func(ts *testscript.TestScript, neg bool, args []string) {
				err := ts.Value(pageKey{}).(*page).do(ts, args)
				if neg == (err == nil) {
					ts.Fatalf("page %q: %v", args, err)
				}
			},
			"exits":   exits,
			"foreign": foreign,
			"nowhere": nowhere,
		},
	})
}

// exits runs a command that must end with the exit code given.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE command…")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		code = ended.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("%q ended with %d, want %s", args[1:], code, args[0])
	}
}

// nowhere checks that no file of a directory holds a text. There must be files.
func nowhere(ts *testscript.TestScript, neg bool, args []string) {
	files, err := os.ReadDir(ts.MkAbs(args[1]))
	ts.Check(err)
	if len(files) == 0 {
		ts.Fatalf("%s is empty", args[1])
	}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(ts.MkAbs(args[1]), f.Name()))
		ts.Check(err)
		if strings.Contains(string(text), args[0]) {
			ts.Fatalf("%s holds %s", f.Name(), args[0])
		}
	}
}

// foreign writes a key and a certificate of an authority that nobody knows.
func foreign(ts *testscript.TestScript, neg bool, args []string) {
	key, err := phone.MakePrivateKey(trust.ES256)
	ts.Check(err)
	template := &smx509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "陌生人"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: smx509.KeyUsageDigitalSignature}
	der, err := smx509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	ts.Check(err)
	pkcs8, err := smx509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
}

// server builds certlink and starts it in demo mode on a free port.
func server(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "certlink")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	build := exec.Command("go", "build", "-o", binary, "certlink")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the server: %v\n%s", err, out)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	ln.Close()
	var log bytes.Buffer
	c := exec.Command(binary, "serve", "--demo")
	c.Env = append(os.Environ(), "CERTLINK_ADDR="+address, "CERTLINK_DATA="+filepath.Join(dir, "data"))
	c.Stdout, c.Stderr = &log, &log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		if err := c.Wait(); err != nil {
			t.Errorf("the server ended with %v\n%s", err, &log)
		}
	})
	url := "http://" + address
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if resp, err := http.Get(url + "/readyz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == 200 {
				return url
			}
		}
		if time.Now().After(end) {
			t.Fatalf("the server is not ready\n%s", &log)
		}
	}
}

type pageKey struct{}

// page is a browser with the portal open, as far as these scripts need one.
type page struct {
	url     string
	client  http.Client
	session string
}

func newPage(url string) *page {
	jar, _ := cookiejar.New(nil) // it fails for no options
	return &page{url: url, client: http.Client{Jar: jar, Timeout: 20 * time.Second}}
}

// do is the script command page:
//
//	page login NAME               signs a demo account in
//	page bind | enroll PRODUCT    begins a session; $CODE is its link
//	page typed                    asks for the typed code: $TYPED
//	page still FILE               saves the code as a picture
//	page match                    types the digits that the last command printed
//	page mistype                  types other digits
//	page state STATE              waits until the session is in this state
//	page cancel
//	page unbind                   ends the account's binding
//	page enrolled PRODUCT ARGS…   phone enroll, with the digits typed as soon as it shows them
func (p *page) do(ts *testscript.TestScript, args []string) error {
	if len(args) == 0 {
		return errors.New("what is the page to do?")
	}
	at := "/v1/qr-sessions/" + p.session
	switch args[0] {
	case "login":
		p.client.Jar, _ = cookiejar.New(nil)
		return p.call("POST", "/v1/session", map[string]string{"login": args[1], "password": "certlink-demo-2026"}, nil)
	case "bind":
		return p.begin(ts, map[string]string{"purpose": "bind", "provider": "huixin"})
	case "enroll":
		return p.begin(ts, map[string]string{"purpose": "enroll", "product": args[1]})
	case "typed":
		var typed struct{ Code string }
		err := p.call("POST", at+"/typed-code", struct{}{}, &typed)
		ts.Setenv("TYPED", typed.Code)
		return err
	case "still":
		return p.still(ts.MkAbs(args[1]), at+"/still.png?size=300")
	case "match", "mistype":
		digits := regexp.MustCompile(`(?m)^digits (\d\d)$`).FindStringSubmatch(ts.ReadFile("stdout"))
		if digits == nil {
			return errors.New("the last command printed no digits")
		}
		if args[0] == "mistype" {
			digits[1] = fmt.Sprintf("%c%c", '9'-digits[1][0]+'0', '9'-digits[1][1]+'0') // every digit differs
		}
		return p.call("POST", at+"/match", map[string]string{"digits": digits[1]}, nil)
	case "state":
		return p.state(at, args[1])
	case "cancel":
		return p.call("POST", at+"/cancel", struct{}{}, nil)
	case "unbind":
		var list struct{ Items []struct{ ID string } }
		if err := p.call("GET", "/v1/bindings?scope=mine&state=active", nil, &list); err != nil || len(list.Items) != 1 {
			return fmt.Errorf("%d bindings, %w", len(list.Items), err)
		}
		return p.call("POST", "/v1/bindings/"+list.Items[0].ID+"/unbind", struct{}{}, nil)
	case "enrolled":
		if err := p.begin(ts, map[string]string{"purpose": "enroll", "product": args[1]}); err != nil {
			return err
		}
		return p.enrolled(ts, args[2:])
	}
	return fmt.Errorf("a page does not %s", args[0])
}

func (p *page) begin(ts *testscript.TestScript, in map[string]string) error {
	var s struct{ ID, Code string }
	err := p.call("POST", "/v1/qr-sessions", in, &s)
	p.session = s.ID
	ts.Setenv("CODE", s.Code)
	return err
}

func (p *page) state(at, want string) error {
	var s struct{ State string }
	for range 100 {
		if err := p.call("GET", at, nil, &s); err != nil {
			return err
		}
		if s.State == want {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("the session is %s, want %s", s.State, want)
}

func (p *page) still(file, path string) error {
	resp, err := p.client.Get(p.url + path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	picture, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		return fmt.Errorf("%s: %d, %w", path, resp.StatusCode, err)
	}
	return os.WriteFile(file, picture, 0o600)
}

func (p *page) enrolled(ts *testscript.TestScript, args []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, "phone", append([]string{"enroll", ts.Getenv("CODE"), "--yes"}, args...)...)
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if found, err := exec.LookPath(filepath.Join(dir, "phone")); err == nil {
			c.Path = found
			c.Err = nil
			break
		}
	}
	for _, name := range []string{"PATH", "HOME", "CERTLINK_PHONE_DIR", "CERTLINK_PHONE_SERVER", "CERTLINK_PHONE_LANG", "CERTLINK_PHONE_PIN"} {
		if v := ts.Getenv(name); v != "" {
			c.Env = append(c.Env, name+"="+v)
		}
	}
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		ts.Logf("%s", lines.Text())
		if digits, ok := strings.CutPrefix(lines.Text(), "digits "); ok {
			if err := p.call("POST", "/v1/qr-sessions/"+p.session+"/match", map[string]string{"digits": digits}, nil); err != nil {
				return errors.Join(err, c.Wait())
			}
		}
	}
	return c.Wait()
}

// call is a request as the portal's pages make it.
func (p *page) call(method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	r, err := http.NewRequest(method, p.url+path, body)
	if err != nil {
		return err
	}
	r.Header.Set("Origin", p.url)
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := p.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %d %s", method, path, resp.StatusCode, text)
	}
	if out == nil || len(text) == 0 {
		return nil
	}
	return json.Unmarshal(text, out)
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{errors.New("anything"), exitRefused},
		{&phone.Problem{Code: "certificate_expired"}, exitRefused},
		{&phone.Problem{Code: "match_pending"}, exitWaiting},
		{&phone.Unreachable{}, exitUnreachable},
		{fmt.Errorf("x: %w", phone.ErrAudience), exitUntrusted},
		{fmt.Errorf("x: %w", phone.ErrElsewhere), exitUntrusted},
		{errDeclined, exitDeclined},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
}
