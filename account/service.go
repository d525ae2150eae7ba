package account

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"golang.org/x/time/rate"

	"certlink/internal/clock"
	"certlink/internal/effect"
	"certlink/internal/seal"
	"certlink/store"
)

// Names of the collections.
const (
	organisations = "organisation"
	accounts      = "account"
	sessions      = "session"
	attempts      = "sign_in"
	tokens        = "api_token"
	imports       = "account_import"
	devices       = "device"
	quotas        = "device_quota"
)

// Collections declares what this package keeps.
func Collections() []store.Collection {
	owing := store.Index{Name: effect.Index}
	until := store.Index{Name: "until"} // when Sweep may delete it
	return []store.Collection{
		organisationRecord(nil).Declare(store.Collection{Name: organisations, Indexes: []store.Index{{Name: "code", Unique: true}, {Name: "name"}, owing}}),
		accountRecord(nil).Declare(store.Collection{Name: accounts, Indexes: []store.Index{{Name: "login", Unique: true}, {Name: "external", Unique: true}, {Name: "name"}, {Name: seal.StaleIndex}, owing}}),
		sessionRecord(nil).Declare(store.Collection{Name: sessions, Indexes: []store.Index{{Name: "account"}, until}}),
		attemptRecord(nil).Declare(store.Collection{Name: attempts, Indexes: []store.Index{until, owing}}),
		tokenRecord(nil).Declare(store.Collection{Name: tokens, Indexes: []store.Index{{Name: "token", Unique: true}, {Name: "account"}, owing}}),
		importsRecord(nil).Declare(store.Collection{Name: imports, Indexes: []store.Index{owing}}),
		deviceRecord(nil).Declare(store.Collection{Name: devices, Indexes: []store.Index{{Name: seal.StaleIndex}, owing}}),
		quotaRecord(nil).Declare(store.Collection{Name: quotas, Indexes: []store.Index{until}}),
	}
}

// Config is what the service is made of.
type Config struct {
	Store store.Store
	Clock clock.Clock
	Seal  *seal.Ring
	// Demo allows the demo accounts. Outside demo mode they are refused
	// everywhere, so a demo database in production opens no door.
	Demo    bool
	Issuers []IssuerConfig
	Limits  Limits
	Log     *slog.Logger
}

// Limits are the settings with a figure. Zero means the default.
type Limits struct {
	SessionIdle        time.Duration // 30 min without a request ends a session
	SessionAbsolute    time.Duration // 12 h end it in any case
	SessionsPerAccount int           // 20; the oldest ends when one more begins

	PasswordMemoryKiB uint32 // 32 MiB for each check of a password (argon2id)
	PasswordTime      uint32 // 2 passes
	PasswordParallel  int    // checks at one time: the processors, at most 8
	PasswordQueue     int    // 64 may wait for one; more are sent away

	SignInTries    int           // 5 wrong, then each try waits
	SignInDelay    time.Duration // 30 s, doubling with each further wrong try
	SignInDelayMax time.Duration // 15 min
	SignInForget   time.Duration // 2 h after the last try it is forgotten

	PINTries int // 5 wrong lock the PIN for good

	DevicesPerSecond float64 // 100 new phones a second on this server
	DevicesBurst     int     // 1000
	DevicesPerPlace  int     // 2000 new phones an hour from one address (of IPv6: one /48)
	DevicesPerHour   int     // 100000 new phones an hour in the installation

	NonceLife    time.Duration // 5 min
	ProofSkew    time.Duration // 60 s between a phone's clock and ours
	ReplayMemory int           // 2000000 proofs remembered; more are refused
	ProofCache   int           // 16384 device keys kept ready

	ImportBytes int // 4 MiB
	ImportRows  int // 10000
	BulkRows    int // 1000 rows of one bulk call

	TokenLife time.Duration // 365 days for an API token that names no end
}

func (l Limits) withDefaults() Limits {
	l.SessionIdle = cmp.Or(l.SessionIdle, 30*time.Minute)
	l.SessionAbsolute = cmp.Or(l.SessionAbsolute, 12*time.Hour)
	l.SessionsPerAccount = cmp.Or(l.SessionsPerAccount, 20)
	l.PasswordMemoryKiB = cmp.Or(l.PasswordMemoryKiB, 32<<10)
	l.PasswordTime = cmp.Or(l.PasswordTime, 2)
	l.PasswordParallel = cmp.Or(l.PasswordParallel, min(runtime.GOMAXPROCS(0), 8))
	l.PasswordQueue = cmp.Or(l.PasswordQueue, 64)
	l.SignInTries = cmp.Or(l.SignInTries, 5)
	l.SignInDelay = cmp.Or(l.SignInDelay, 30*time.Second)
	l.SignInDelayMax = cmp.Or(l.SignInDelayMax, 15*time.Minute)
	l.SignInForget = cmp.Or(l.SignInForget, 2*time.Hour)
	l.PINTries = cmp.Or(l.PINTries, 5)
	l.DevicesPerSecond = cmp.Or(l.DevicesPerSecond, 100)
	l.DevicesBurst = cmp.Or(l.DevicesBurst, 1000)
	l.DevicesPerPlace = cmp.Or(l.DevicesPerPlace, 2000)
	l.DevicesPerHour = cmp.Or(l.DevicesPerHour, 100_000)
	l.NonceLife = cmp.Or(l.NonceLife, 5*time.Minute)
	l.ProofSkew = cmp.Or(l.ProofSkew, time.Minute)
	l.ReplayMemory = cmp.Or(l.ReplayMemory, 2_000_000)
	l.ProofCache = cmp.Or(l.ProofCache, 16384)
	l.ImportBytes = cmp.Or(l.ImportBytes, 4<<20)
	l.ImportRows = cmp.Or(l.ImportRows, 10_000)
	l.BulkRows = cmp.Or(l.BulkRows, 1000)
	l.TokenLife = cmp.Or(l.TokenLife, 365*24*time.Hour)
	return l
}

// check names every figure that would make the product unsafe, all at once.
func (l Limits) check() error {
	var errs []error
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	bad(l.PasswordMemoryKiB < 19<<10 || l.PasswordMemoryKiB > 64<<10, "PasswordMemoryKiB is %d; argon2id here takes 19 to 64 MiB", l.PasswordMemoryKiB)
	bad(l.PasswordTime > maxArgonTime, "PasswordTime is %d; more than %d passes make sign-in unusable", l.PasswordTime, maxArgonTime)
	bad(l.PasswordParallel < 0 || l.PasswordQueue < 0, "PasswordParallel and PasswordQueue cannot be negative")
	bad(l.SignInTries < 1 || l.SignInTries > 10, "SignInTries is %d; 1 to 10 are sensible", l.SignInTries)
	bad(l.SignInDelayMax > l.SignInForget, "SignInDelayMax is longer than SignInForget, so waiting would be rewarded")
	bad(l.PINTries < 1 || l.PINTries > 10, "PINTries is %d; 1 to 10 are sensible", l.PINTries)
	bad(l.SessionIdle <= 0 || l.SessionAbsolute < l.SessionIdle, "SessionAbsolute must be at least SessionIdle")
	bad(l.ProofSkew >= l.NonceLife, "ProofSkew must be shorter than NonceLife")
	bad(l.NonceLife < nonceStep, "NonceLife is shorter than %s", nonceStep)
	return errors.Join(errs...)
}

// Service is safe for concurrent use.
type Service struct {
	store  store.Store
	now    clock.Clock
	seal   *seal.Ring
	demo   bool
	limits Limits
	log    *slog.Logger

	organisations store.Record[Organisation]
	accounts      store.Record[stored]
	sessions      store.Record[session]
	attempts      store.Record[attempt]
	tokens        store.Record[apiToken]
	imports       store.Record[importRecord]
	devices       store.Record[storedDevice]
	quotas        store.Record[quota]

	passwords  *hasher
	attemptKey []byte
	issuers    map[string]*issuer // by the iss claim
	stop       context.CancelFunc
	jwts       jwtCache
	proofs     *proofs
	newDevices *rate.Limiter
	quota      quotaBlocks
}

// New makes the service. It fetches the keys of the issuers once; one that does
// not answer is no error, its keys are fetched when a token asks for them.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Seal == nil {
		return nil, errors.New("account: store and seal are required")
	}
	s := &Service{store: c.Store, now: c.Clock, seal: c.Seal, demo: c.Demo, limits: c.Limits.withDefaults(), log: c.Log}
	if s.now == nil {
		s.now = clock.System
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	if err := s.limits.check(); err != nil {
		return nil, fmt.Errorf("account: %w", err)
	}
	s.organisations = organisationRecord(c.Store)
	s.accounts = accountRecord(c.Store)
	s.sessions = sessionRecord(c.Store)
	s.attempts = attemptRecord(c.Store)
	s.tokens = tokenRecord(c.Store)
	s.imports = importsRecord(c.Store)
	s.devices = deviceRecord(c.Store)
	s.quotas = quotaRecord(c.Store)

	s.passwords = newHasher(s.limits)
	s.attemptKey = c.Seal.DeriveLast("sign-in attempts")
	s.proofs = newProofs(c.Seal, s.limits)
	s.newDevices = rate.NewLimiter(rate.Limit(s.limits.DevicesPerSecond), s.limits.DevicesBurst)

	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	var err error
	if s.issuers, err = newIssuers(ctx, c.Issuers, s.now, s.log); err != nil {
		stop()
		return nil, err
	}
	return s, nil
}

// Close ends the fetching of issuers' keys.
func (s *Service) Close() { s.stop() }

// Sweep deletes what time has ended: sessions, forgotten sign-in attempts, used
// quotas. It may run on several servers at once. It returns how many it deleted.
func (s *Service) Sweep(ctx context.Context) (int, error) {
	n := 0
	for _, c := range []string{sessions, attempts, quotas} {
		q := store.Query{Index: "until", Below: store.TimeKey(s.now())}
		for {
			docs, next, err := s.store.Query(ctx, c, q)
			if err != nil {
				return n, err
			}
			for _, d := range docs {
				if d.Index[effect.Index] != "" {
					continue // what it owes goes first
				}
				// By revision: a document touched meanwhile lives on.
				switch err := s.store.Delete(ctx, c, d.ID, d.Rev); {
				case err == nil:
					n++
				case !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound):
					return n, err
				}
			}
			if next == "" {
				break
			}
			q.After = next
		}
	}
	return n, nil
}
