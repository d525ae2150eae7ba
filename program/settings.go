package program

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Settings are what an operator can set, by flag or environment. The README's
// table is made from the help texts here.
type Settings struct {
	Addr                string   `env:"CERTLINK_ADDR" default:"127.0.0.1:8080" help:"Address to listen on."`
	Data                string   `env:"CERTLINK_DATA" default:"./data" help:"Directory for the embedded store, keys and the built-in authority."`
	PublicOrigin        string   `env:"CERTLINK_PUBLIC_ORIGIN" help:"Origin that people and phones use, e.g. https://ca.example.cn. Default: http:// and the address, if that is loopback."`
	TrustedProxies      []string `env:"CERTLINK_TRUSTED_PROXIES" help:"Addresses or networks (CIDR) of proxies whose X-Forwarded-For is believed."`
	Demo                bool     `env:"CERTLINK_DEMO" help:"Demo mode: demo people and a demo authority. Never for real certificates."`
	LAN                 bool     `name:"lan" env:"CERTLINK_LAN" help:"Serve HTTPS on the local network, with a root certificate for phones to install. Only with --demo."`
	TLSCert             string   `name:"tls-cert" env:"CERTLINK_TLS_CERT" type:"path" help:"Certificate chain (PEM) to serve HTTPS with. Default: plain HTTP, for a proxy in front."`
	TLSKey              string   `name:"tls-key" env:"CERTLINK_TLS_KEY" type:"path" help:"Private key (PEM) of that certificate."`
	Store               string   `env:"CERTLINK_STORE" default:"embedded" help:"embedded, or the mongodb:// address of a replica set."`
	Database            string   `env:"CERTLINK_DATABASE" default:"certlink" help:"Name of the database in MongoDB."`
	KeyFile             string   `env:"CERTLINK_KEY_FILE" help:"Secret of the installation, the same for all its servers. Default: secret.key in the data directory, made at first start."`
	Catalogue           string   `env:"CERTLINK_CATALOGUE" type:"path" help:"Catalogue of providers (JSON). Default: the twelve that are built in."`
	AuthorityPassphrase string   `name:"authority-passphrase-file" env:"CERTLINK_AUTHORITY_PASSPHRASE_FILE" type:"path" help:"File with the passphrase of the private authority, if there is one in the data directory."`
	Issuers             string   `env:"CERTLINK_ISSUERS" type:"path" help:"External sign-in: JSON file of JWT issuers."`
	WebhookURL          string   `name:"webhook-url" env:"CERTLINK_WEBHOOK_URL" help:"Address that is told of events by POST."`
	WebhookSecret       string   `env:"CERTLINK_WEBHOOK_SECRET" help:"Secret that signs those calls, 16 characters or more."`
	WidgetOrigins       []string `env:"CERTLINK_WIDGET_ORIGINS" help:"Origins of other sites, e.g. https://shop.example.cn, whose pages may show a code with the widget."`
	RevocationPrivate   []string `env:"CERTLINK_REVOCATION_PRIVATE" help:"Private addresses or networks (CIDR) where revocation lists and OCSP may be fetched. Default: public addresses only."`
	BindingsEach        int      `name:"bindings-per-account" env:"CERTLINK_BINDINGS_PER_ACCOUNT" default:"1" help:"Active bindings that an account may hold."`
	BridgeOrigin        string   `name:"bridge-origin" env:"CERTLINK_BRIDGE_ORIGIN" default:"http://127.0.0.1:23917" help:"Where the desktop bridge for U-Keys listens on people's machines; empty: U-Keys are not used."`
	BridgeURL           string   `name:"bridge-url" env:"CERTLINK_BRIDGE_URL" help:"Page where people get the desktop bridge (https)."`
	MetricsToken        string   `env:"CERTLINK_METRICS_TOKEN" help:"Bearer token for /metrics. Without one, only loopback may read it."`
	LogFormat           string   `env:"CERTLINK_LOG_FORMAT" default:"text" enum:"text,json" help:"text or json."`
	StartsPerMin        int      `name:"starts-per-minute" env:"CERTLINK_STARTS_PER_MINUTE" default:"30" help:"Codes that one account may begin in a minute."`
	ProgramsPerSec      int      `name:"program-calls-per-second" env:"CERTLINK_PROGRAM_CALLS_PER_SECOND" default:"200" help:"Calls that one integrator's account may make in a second."`
	RequestsPerSec      int      `name:"requests-per-second" env:"CERTLINK_REQUESTS_PER_SECOND" default:"5000" help:"Requests that this server takes in a second before it answers 503."`

	channelSettings `embed:""`
	Cashier         cashierSettings   `embed:""`
	Retention       retentionSettings `embed:""`
	Faces           faceSettings      `embed:""`
	renewalSettings `embed:""`
	siteSettings    `embed:""`
}

// Check completes the settings and finds every mistake at once.
func (s *Settings) Check() error {
	var wrong []string
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }

	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil || port == "" {
		bad("CERTLINK_ADDR %q is not host:port, such as 127.0.0.1:8080", s.Addr)
	}
	if s.LAN && !s.Demo {
		bad("--lan is for trying certlink out and needs --demo; a real installation has a certificate of its own (CERTLINK_TLS_CERT) or a proxy in front")
	}
	if (s.TLSCert == "") != (s.TLSKey == "") {
		bad("CERTLINK_TLS_CERT and CERTLINK_TLS_KEY belong together: set both or neither")
	}
	if s.PublicOrigin == "" && err == nil && !s.LAN {
		if loopback(host) && port != "0" {
			scheme := "http"
			if s.TLSCert != "" {
				scheme = "https"
			}
			s.PublicOrigin = scheme + "://" + net.JoinHostPort(host, port)
		} else if port != "0" {
			bad("CERTLINK_PUBLIC_ORIGIN must be set, because CERTLINK_ADDR %s is not only this machine: it is the https address that people and phones use", s.Addr)
		}
	}
	if s.PublicOrigin != "" {
		if problem := checkOrigin(s.PublicOrigin); problem != "" {
			bad("CERTLINK_PUBLIC_ORIGIN %q %s", s.PublicOrigin, problem)
		}
	}
	for _, o := range s.WidgetOrigins {
		if problem := checkOrigin(o); problem != "" {
			bad("CERTLINK_WIDGET_ORIGINS: %q %s", o, problem)
		} else if o != strings.ToLower(o) {
			bad("CERTLINK_WIDGET_ORIGINS: %q is not how browsers write it; use small letters", o)
		}
	}
	for _, p := range s.TrustedProxies {
		if _, err := netip.ParseAddr(p); err != nil {
			if _, err := netip.ParsePrefix(p); err != nil {
				bad("CERTLINK_TRUSTED_PROXIES: %q is neither an address nor a network such as 10.0.0.0/8", p)
			}
		}
	}
	for _, p := range s.RevocationPrivate {
		if _, err := netip.ParseAddr(p); err != nil {
			if _, err := netip.ParsePrefix(p); err != nil {
				bad("CERTLINK_REVOCATION_PRIVATE: %q is neither an address nor a network such as 10.0.0.0/8", p)
			}
		}
	}
	if s.Store != "embedded" && !strings.HasPrefix(s.Store, "mongodb://") && !strings.HasPrefix(s.Store, "mongodb+srv://") {
		bad("CERTLINK_STORE must be \"embedded\" or begin with mongodb://")
	}
	if s.WebhookURL != "" && len(s.WebhookSecret) < 16 {
		bad("CERTLINK_WEBHOOK_SECRET must have at least 16 characters when CERTLINK_WEBHOOK_URL is set")
	}
	s.checkBridge(bad)
	s.Faces.check(bad)
	if s.BindingsEach < 1 || s.BindingsEach > 20 {
		bad("CERTLINK_BINDINGS_PER_ACCOUNT must be from 1 to 20")
	}
	s.Cashier.check(bad)
	s.Retention.check(bad)
	s.renewalSettings.check(bad)
	s.siteSettings.check(bad)
	if s.StartsPerMin < 1 || s.RequestsPerSec < 1 {
		bad("CERTLINK_STARTS_PER_MINUTE and CERTLINK_REQUESTS_PER_SECOND must be 1 or more")
	}
	if s.KeyFile == "" {
		s.KeyFile = filepath.Join(s.Data, "secret.key")
	}
	if len(wrong) > 0 {
		return errors.New(strings.Join(wrong, "\n"))
	}
	return nil
}

// checkOrigin says what is wrong with a public origin, "" if nothing is. Plain
// HTTP is only good for loopback: elsewhere codes, cookies and claims could be
// read on the way.
func checkOrigin(origin string) string {
	u, err := url.Parse(origin)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"):
		return "is not an origin such as https://ca.example.cn"
	case u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return "must be an origin only, without a path or anything after the host"
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "is plain HTTP and not this machine itself; use https"
	case strings.HasSuffix(u.Host, ":443") && u.Scheme == "https", strings.HasSuffix(u.Host, ":80") && u.Scheme == "http":
		return "names the port that browsers leave out; write it without"
	case len(origin) > 80:
		return "is longer than 80 characters; the code on the screen would become too fine to scan"
	}
	return ""
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// Prepare makes the data directory and proves that it can be written to.
func (s *Settings) Prepare() error {
	if err := os.MkdirAll(s.Data, 0o700); err != nil {
		return fmt.Errorf("the data directory %s cannot be made: %w", s.Data, errors.Unwrap(err))
	}
	f, err := os.CreateTemp(s.Data, ".writable-*")
	if err != nil {
		return fmt.Errorf("the data directory %s cannot be written to: %w", s.Data, errors.Unwrap(err))
	}
	f.Close()
	return os.Remove(f.Name())
}
