package program

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"certlink/internal/clock"
	"certlink/mobilecert"
	"certlink/mobilecert/renewal"
	"certlink/mobilecert/renewal/site"
	"certlink/mobilecert/renewal/site/sandbox"
)

// siteSettings name the authority's site where U-Keys are extended.
type siteSettings struct {
	SiteURL    string `name:"extension-site-url" env:"CERTLINK_EXTENSION_SITE_URL" help:"Extension of U-Keys: address of the authority's site, or of the server before it, that speaks the contract of docs/renewal.md. Default: none; the authority's telephone lines are shown."`
	SiteSecret string `name:"extension-site-secret-file" env:"CERTLINK_EXTENSION_SITE_SECRET_FILE" type:"path" help:"File with the secret shared with it, 16 characters or more."`
}

func (s *siteSettings) check(bad func(string, ...any)) {
	if (s.SiteURL == "") != (s.SiteSecret == "") {
		bad("CERTLINK_EXTENSION_SITE_URL and CERTLINK_EXTENSION_SITE_SECRET_FILE belong together: set both or neither")
		return
	}
	if s.SiteURL != "" {
		s.client(clock.System, bad)
	}
}

// client is the adapter; what is wrong with its settings is told to bad.
func (s *siteSettings) client(c clock.Clock, bad func(string, ...any)) *site.Client {
	secret, err := ReadSecretFile(s.SiteSecret)
	if err != nil {
		bad("CERTLINK_EXTENSION_SITE_SECRET_FILE: %v", err)
		return nil
	}
	made, err := site.New(s.SiteURL, secret, c)
	if err != nil {
		bad("CERTLINK_EXTENSION_SITE_URL, CERTLINK_EXTENSION_SITE_SECRET_FILE: %v", err)
	}
	return made
}

// siting is where U-Keys are extended.
type siting struct {
	site renewal.Site // nil for none
	// siteSandbox stands for an authority's site, in demo mode.
	siteSandbox *sandbox.Service
	siteHTTP    *http.Server
}

// openSite is the site that the settings name or, in demo mode, the sandbox, on a port
// of its own on loopback, so that it is asked over HTTP as a real one is.
func (p *Program) openSite(origin string, certificates *mobilecert.Certificates) (err error) {
	if !p.Settings.Demo {
		if p.Settings.SiteURL == "" {
			return nil
		}
		made := p.Settings.siteSettings.client(p.Clock, func(format string, args ...any) { err = fmt.Errorf(format, args...) })
		if err == nil {
			p.site = made
		}
		return err
	}
	policy, err := p.Catalogue.Policy(BuiltinProvider)
	if err != nil {
		return err
	}
	client, err := p.reachable()
	if err != nil {
		return err
	}
	p.siteSandbox = sandbox.New(sandbox.Config{
		NoticeURL: origin + "/v1/extension-site/notice", PageURL: origin + "/sandbox/extension/", Clock: p.Clock, Client: client,
		Authority: p.Authority, Rules: policy.Identifiers, Store: p.Store, Twin: certificates.TwinOf,
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	p.siteHTTP = &http.Server{Handler: p.siteSandbox, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second}
	go p.siteHTTP.Serve(ln)
	p.site, err = p.siteSandbox.Site("http://" + ln.Addr().String())
	return err
}

// closeSite ends the sandbox.
func (p *Program) closeSite() {
	if p.siteHTTP != nil {
		p.siteHTTP.Close()
	}
}
