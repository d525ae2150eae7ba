package program

import (
	"net/netip"
	"net/url"

	"certlink/api"
	"certlink/desk"
	"certlink/mobilecert"
)

// openDesk wires what carries statements to U-Keys.
func (p *Program) openDesk() {
	p.desk = desk.New(desk.Config{Store: p.Store, Clock: p.Clock, Engine: p.engine, Times: desk.DefaultTimes(), MaxOpen: 20})
}

// demoUKey certifies the bridge's software tokens in demo mode; nil otherwise.
func (p *Program) demoUKey(c mobilecert.Config, certificates *mobilecert.Certificates) *mobilecert.DemoUKey {
	if !p.Settings.Demo || p.Authority == nil {
		return nil
	}
	return mobilecert.NewDemoUKey(c, certificates, BuiltinProvider, mobilecert.BuiltinIssuer{Authority: p.Authority})
}

func (s *Settings) bridge() api.Bridge {
	return api.Bridge{Origin: s.BridgeOrigin, Version: Version, Download: s.BridgeURL}
}

// checkBridge finds what is wrong with the settings about the desktop bridge.
func (s *Settings) checkBridge(bad func(string, ...any)) {
	if s.BridgeOrigin != "" {
		u, err := url.Parse(s.BridgeOrigin)
		var at netip.AddrPort
		if err == nil {
			at, err = netip.ParseAddrPort(u.Host)
		}
		// It goes into the pages' security policy as it is.
		if err != nil || u.Scheme != "http" || !at.Addr().IsLoopback() || s.BridgeOrigin != "http://"+at.String() {
			bad("CERTLINK_BRIDGE_ORIGIN %q must be http://127.0.0.1 and a port, such as http://127.0.0.1:23917", s.BridgeOrigin)
		}
	}
	if u, err := url.Parse(s.BridgeURL); s.BridgeURL != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
		bad("CERTLINK_BRIDGE_URL %q is not an https address", s.BridgeURL)
	}
}
