// Package phone is a phone without a screen: it registers, collects certificates,
// scans, shows what would be signed, and signs or refuses.
//
// It is the shortest complete client of certlink's phone protocol, and the one that
// the tests and the benchmark use. A whole enrolment and a whole binding are:
//
//	p, err := phone.New("https://certlink.example", phone.InDirectory(dir))
//	err = p.Register(ctx, "my phone")
//	key, err := p.Enroll(ctx, link, func(s *phone.Session) error { show(s.Match.Digits); return nil })
//
//	s, err := p.Scan(ctx, code)         // one phone wins; the statement is checked here
//	show(s.Statement.Fields())          // every field that will be signed
//	done, err := p.Confirm(ctx, s, key) // signs exactly the bytes that were shown
//
// What a person must decide (is this me, is this right) is left to the caller: nothing
// here confirms by itself.
package phone

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"certlink/internal/clock"
)

// Phone is one device of one installation. All methods may be called from many
// goroutines.
type Phone struct {
	origin string // the server's public origin: what statements are for and proofs name
	via    string // where the requests go; the same, but for tests and benchmarks
	send   Transport
	clock  clock.Clock
	keep   Keeper
	once   bool // no repeats
	rounds int  // of stretching the PIN; fewer only in tests

	device *deviceKey
	nonce  atomic.Pointer[string] // the server's last DPoP nonce

	mu      sync.Mutex
	profile profile
	pin     *unlocked // nil while locked
}

// profile is what the phone remembers of itself.
type profile struct {
	Origin string `json:"origin"`
	Key    []byte `json:"device_key"` // PKCS#8
	Name   string `json:"name,omitempty"`
	// Salt of the PIN's stretching; made with the first PIN.
	Salt []byte `json:"pin_salt,omitempty"`
}

const profileName = "device"

// Option changes how a phone is made.
type Option func(*Phone) error

// InDirectory keeps keys and open sessions in a directory that only its owner may
// read. Without it they live in memory and end with the program.
func InDirectory(path string) Option {
	return func(p *Phone) (err error) {
		p.keep, err = Directory(path)
		return err
	}
}

// With keeps keys and open sessions wherever the caller wants.
func With(k Keeper) Option {
	return func(p *Phone) error { p.keep = k; return nil }
}

// Via sends the requests to another address than the server's public origin: to one
// server of several, or to a test's port. What is signed names the origin all the same.
func Via(base string) Option {
	return func(p *Phone) (err error) {
		p.via, err = parseOrigin(base)
		return err
	}
}

// Over sends the requests over t instead of over net/http.
func Over(t Transport) Option {
	return func(p *Phone) error { p.send = t; return nil }
}

// At takes the time from c.
func At(c clock.Clock) Option {
	return func(p *Phone) error { p.clock = c; return nil }
}

// DeviceKey gives a phone that has none yet this device key. Only useful to whoever
// has to make very many phones.
func DeviceKey(key *ecdsa.PrivateKey) Option {
	return func(p *Phone) (err error) {
		p.device, err = newDeviceKey(key)
		return err
	}
}

// New makes the phone for the server at base, its public origin. A phone that was kept
// is the same phone again; base may then be empty.
func New(base string, opts ...Option) (*Phone, error) {
	p := &Phone{clock: clock.System, keep: Memory(), rounds: pinRounds}
	for _, o := range opts {
		if err := o(p); err != nil {
			return nil, err
		}
	}
	if err := p.load(base); err != nil {
		return nil, err
	}
	if p.via == "" {
		p.via = p.origin
	}
	if p.send == nil {
		p.send = overHTTP()
	}
	return p, nil
}

// ErrNoServer: a phone that was never kept needs to be told its server.
var ErrNoServer = errors.New("this phone belongs to no server yet: say which one by its address, such as https://certlink.example")

func (p *Phone) load(base string) error {
	found, err := p.read(profileName, &p.profile)
	if err != nil {
		return err
	}
	if !found && base == "" {
		return ErrNoServer
	}
	if base != "" {
		if p.origin, err = parseOrigin(base); err != nil {
			return err
		}
	} else {
		p.origin = p.profile.Origin
	}
	if found {
		// A device key is for one server: were it used at two, they could tell that it
		// is the same phone.
		if p.profile.Origin != p.origin {
			return fmt.Errorf("this phone belongs to %s, not to %s; use another directory for another server", p.profile.Origin, p.origin)
		}
		p.device, err = loadDeviceKey(p.profile.Key)
		return err
	}
	if p.device == nil {
		if p.device, err = makeDeviceKey(); err != nil {
			return err
		}
	}
	p.profile.Origin = p.origin
	p.profile.Key, err = p.device.pkcs8()
	return err
}

// Origin is the public origin of the phone's server.
func (p *Phone) Origin() string { return p.origin }

// ID is the device's id: the RFC 7638 thumbprint of its key.
func (p *Phone) ID() string { return p.device.id }

// Device is what the server knows of the phone.
type Device struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Platform  string    `json:"platform"`
	CreatedAt time.Time `json:"created_at"`
	PIN       PINState  `json:"pin"`
}

// PINState is how the server counts the PIN.
type PINState struct {
	Set       bool `json:"set"`
	TriesLeft int  `json:"tries_left"`
	Locked    bool `json:"locked"`
}

// Register makes the phone known to its server. Registering again changes nothing but
// the name. The device key is kept before the server hears of it.
func (p *Phone) Register(ctx context.Context, name string) error {
	p.mu.Lock()
	p.profile.Name = name
	err := p.write(profileName, p.profile)
	p.mu.Unlock()
	if err != nil {
		return err
	}
	var d Device
	return p.call(ctx, "POST", "/v1/phone/devices", "", map[string]string{"name": name, "platform": Platform}, &d)
}

// Platform is how this program calls itself when it registers.
const Platform = "certlink-phone/go"

// Device asks the server what it knows of the phone.
func (p *Phone) Device(ctx context.Context) (*Device, error) {
	d := new(Device)
	return d, p.call(ctx, "GET", "/v1/phone/device", "", nil, d)
}

// Rename changes the name that web pages show after a scan.
func (p *Phone) Rename(ctx context.Context, name string) error {
	var d Device
	if err := p.call(ctx, "PATCH", "/v1/phone/device", "", map[string]string{"name": name}, &d); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.profile.Name = d.Name
	return p.write(profileName, p.profile)
}

// parseOrigin takes scheme, host and port and nothing else: an origin with a path, a
// name or a trailing slash would make every audience and every proof differ.
func parseOrigin(base string) (string, error) {
	u, err := url.Parse(strings.TrimSuffix(base, "/"))
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" ||
		u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", fmt.Errorf("%q is not the address of a server: it must look like https://certlink.example, without a path", base)
	}
	return u.Scheme + "://" + strings.ToLower(u.Host), nil
}
