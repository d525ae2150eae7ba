package revocation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"certlink/trust"
	"certlink/trust/internal/lru"
)

// fetcher is an HTTP client for addresses that stand in certificates: they must not be
// able to make the server talk to its own network.
type fetcher struct {
	o       Options
	client  *http.Client
	seats   chan struct{}
	failing *lru.Cache[string, failure] // by address
}

type failure struct {
	until time.Time
	err   error
}

var errTooLarge = errors.New("larger than allowed")

func newFetcher(o Options) *fetcher {
	dialer := &net.Dialer{Timeout: o.Timeout, Control: func(_, address string, _ syscall.RawConn) error {
		// Here the name has been resolved: what is checked is what is connected to, so no
		// second look-up can answer differently.
		return allowed(address, o.Allow)
	}}
	return &fetcher{o: o, seats: make(chan struct{}, maxFetches), failing: lru.New[string, failure](512), client: &http.Client{
		Transport: &http.Transport{
			DialContext:            dialer.DialContext, // no proxy: it would connect on its own
			TLSHandshakeTimeout:    o.Timeout,
			ResponseHeaderTimeout:  o.Timeout,
			MaxResponseHeaderBytes: 16 << 10,
			MaxIdleConns:           64, MaxIdleConnsPerHost: 8, IdleConnTimeout: 30 * time.Second,
			DisableCompression: true,
		},
		// Answers are signed and small; nobody needs to send us elsewhere for them.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

var special = func() []netip.Prefix {
	var out []netip.Prefix
	for _, p := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", // RFC 6890
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10", // and those that carry IPv4 inside
	} {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}()

// allowed refuses addresses that are not of the public Internet, unless opened.
func allowed(address string, open []netip.Prefix) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%q is no address", address)
	}
	ip := at.Addr().Unmap().WithZone("")
	for _, p := range open {
		if p.Contains(ip) {
			return nil
		}
	}
	refused := !ip.IsGlobalUnicast() || ip.IsPrivate() // global unicast leaves out loopback, link-local, multicast
	for _, p := range special {
		refused = refused || p.Contains(ip)
	}
	if refused {
		return fmt.Errorf("%s is not an address of the public Internet and is not allowed in the settings", ip)
	}
	return nil
}

// get fetches address, with a POST if there is a body. Every failure is
// revocation_unavailable, but errTooLarge for a body of more than limit bytes. A
// source that failed is left alone for a while, so that during an outage requests are
// refused at once instead of queueing up behind dead connections.
func (f *fetcher) get(ctx context.Context, address, contentType string, body []byte, limit int64) ([]byte, error) {
	if old, ok := f.failing.Get(address); ok && f.o.Clock().Before(old.until) {
		return nil, trust.ErrRevocationUnavailable.Becausef("%s failed a moment ago: %w", address, old.err)
	}
	select {
	case f.seats <- struct{}{}:
		defer func() { <-f.seats }()
	case <-ctx.Done():
		return nil, trust.ErrRevocationUnavailable.Becausef("%d fetches are under way already", maxFetches)
	}
	data, err := f.exchange(ctx, address, contentType, body, limit)
	switch {
	case errors.Is(err, errTooLarge):
		return nil, err
	case err != nil:
		f.failing.Put(address, failure{f.o.Clock().Add(f.o.Pause), err})
		return nil, trust.ErrRevocationUnavailable.Because(err)
	}
	f.failing.Drop(address)
	return data, nil
}

func (f *fetcher) exchange(ctx context.Context, address, contentType string, body []byte, limit int64) ([]byte, error) {
	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("User-Agent", "certlink")
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered with HTTP status %d", address, resp.StatusCode)
	}
	if resp.ContentLength > limit {
		return nil, errTooLarge
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, errTooLarge
	}
	return data, nil
}
