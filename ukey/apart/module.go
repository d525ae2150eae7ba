package apart

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"sync"
	"time"

	"certlink/ukey"
	"certlink/ukey/profile"
)

// Deadlines are how long a library may take before it is taken to hang.
type Deadlines struct {
	Open, Look, Act time.Duration
	// OwnPIN is for acts where the library asks for the PIN by itself: a person types.
	OwnPIN time.Duration
	// Pause is how long a library that has failed twice rests before it is started again; it
	// doubles up to ten seconds.
	Pause time.Duration
}

// DefaultDeadlines suit real tokens: RSA on an old one takes two seconds.
func DefaultDeadlines() Deadlines {
	return Deadlines{Open: 8 * time.Second, Look: 8 * time.Second, Act: 12 * time.Second, OwnPIN: 150 * time.Second, Pause: 2 * time.Second}
}

// Module is a library in a child process, which is started when it is needed, and
// anew after it has hung or crashed.
type Module struct {
	command   func() *exec.Cmd
	open      request
	deadlines Deadlines
	closing   context.Context // ends what is under way
	close     context.CancelFunc

	mu    sync.Mutex // one operation at a time
	child *child
	rest  time.Time // no new start before
	tired time.Duration
	last  error
}

var _ ukey.Module = (*Module)(nil)

type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out io.Reader
}

// New runs the library of a profile; command makes the child's command line, which
// ends up in Main.
func New(command func() *exec.Cmd, p *profile.Profile, d Deadlines) *Module {
	return newModule(command, request{Op: "open", Profile: p}, d)
}

// NewSoft runs software tokens, in the same way as a vendor's.
func NewSoft(command func() *exec.Cmd, file string, d Deadlines) *Module {
	return newModule(command, request{Op: "open", File: file}, d)
}

func newModule(command func() *exec.Cmd, open request, d Deadlines) *Module {
	m := &Module{command: command, open: open, deadlines: d}
	m.closing, m.close = context.WithCancel(context.Background())
	return m
}

// Inventory looks at what is plugged in.
func (m *Module) Inventory(ctx context.Context) (*ukey.Inventory, error) {
	r, err := m.ask(ctx, request{Op: "inventory"}, m.deadlines.Look)
	if err != nil {
		return nil, err
	}
	if r.Inventory == nil {
		return &ukey.Inventory{}, nil
	}
	return r.Inventory, nil
}

// VerifyPIN checks a PIN.
func (m *Module) VerifyPIN(ctx context.Context, token string, pin ukey.PIN) error {
	_, err := m.ask(ctx, request{Op: "verify", Token: token, PIN: pin}, m.acting(pin))
	return err
}

// Sign signs.
func (m *Module) Sign(ctx context.Context, s ukey.SignRequest) ([]byte, error) {
	pin := s.PIN
	s.PIN = nil
	r, err := m.ask(ctx, request{Op: "sign", Sign: &s, PIN: pin}, m.acting(pin))
	if err != nil {
		return nil, err
	}
	return r.Bytes, nil
}

// Decrypt decrypts.
func (m *Module) Decrypt(ctx context.Context, d ukey.DecryptRequest) ([]byte, error) {
	pin := d.PIN
	d.PIN = nil
	r, err := m.ask(ctx, request{Op: "decrypt", Decrypt: &d, PIN: pin}, m.acting(pin))
	if err != nil {
		return nil, err
	}
	return r.Bytes, nil
}

func (m *Module) acting(pin ukey.PIN) time.Duration {
	if len(pin) == 0 {
		return m.deadlines.OwnPIN
	}
	return m.deadlines.Act
}

// Close ends the child, whatever it is at.
func (m *Module) Close() error {
	m.close()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.end()
	return nil
}

func (m *Module) ask(ctx context.Context, r request, within time.Duration) (*response, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := errors.Join(ctx.Err(), m.closing.Err()); err != nil {
		return nil, err
	}
	if err := m.begin(ctx); err != nil {
		return nil, err
	}
	answer, err := m.exchange(ctx, r, within)
	if err != nil {
		return nil, m.failed(err)
	}
	m.tired = 0
	return answer, answer.Refused.Err()
}

// begin starts the child and has it load the library, unless it runs already.
func (m *Module) begin(ctx context.Context) error {
	if m.child != nil {
		return nil
	}
	if time.Now().Before(m.rest) {
		return m.last
	}
	cmd := m.command()
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = nil // what vendors print is nobody's
	if err := cmd.Start(); err != nil {
		return ukey.ErrFailed.Because(err)
	}
	m.child = &child{cmd, in, out}
	answer, err := m.exchange(ctx, m.open, m.deadlines.Open)
	if err != nil {
		return m.failed(err)
	}
	if err := answer.Refused.Err(); err != nil {
		m.end()
		return m.pause(err)
	}
	return nil
}

// exchange sends a request and waits for its answer. Whoever stops waiting must end
// the child: it may still be at it, and its answer would be taken for the next one's.
func (m *Module) exchange(ctx context.Context, r request, within time.Duration) (*response, error) {
	c := m.child
	type result struct {
		answer *response
		err    error
	}
	done := make(chan result, 1)
	go func() {
		answer := new(response)
		err := writeFrame(c.in, r)
		if err == nil {
			err = readFrame(c.out, answer)
		}
		done <- result{answer, err}
	}()
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case got := <-done:
		if got.err != nil {
			return nil, ukey.ErrCrashed.Because(got.err)
		}
		return got.answer, nil
	case <-timer.C:
		return nil, ukey.ErrHung.Becausef("no answer to %s within %s", r.Op, within)
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-m.closing.Done():
		return nil, m.closing.Err()
	}
}

// failed ends the child. A caller who went away is no fault of the library's, which
// may be started again at once.
func (m *Module) failed(err error) error {
	m.end()
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return m.pause(err)
}

func (m *Module) pause(err error) error {
	m.rest, m.last = time.Now().Add(m.tired), err
	m.tired = min(max(2*m.tired, m.deadlines.Pause), 10*time.Second)
	return err
}

func (m *Module) end() {
	if m.child == nil {
		return
	}
	m.child.in.Close()
	m.child.cmd.Process.Kill()
	go m.child.cmd.Wait()
	m.child = nil
}
