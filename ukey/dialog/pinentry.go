package dialog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"certlink/ukey"
)

// Pinentry asks by GnuPG's program for that, in the Assuan protocol.
type Pinentry struct {
	// Path is the program; "" looks in the usual places.
	Path string
	// Terminal is where a pinentry without windows may ask, "" for nowhere.
	Terminal string
}

// usual places: a search path could be changed by anybody who can change the
// environment.
var usual = []string{"/usr/bin/pinentry", "/usr/local/bin/pinentry-mac", "/opt/homebrew/bin/pinentry-mac", "/usr/local/bin/pinentry"}

func (p Pinentry) find() (string, error) {
	if p.Path != "" {
		return p.Path, nil
	}
	for _, path := range usual {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", ErrNone
}

// passed is what of the environment a window needs.
var passed = []string{"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "XDG_CURRENT_DESKTOP", "DBUS_SESSION_BUS_ADDRESS",
	"HOME", "LANG", "LC_ALL", "LC_CTYPE", "LC_MESSAGES", "PATH", "TERM", "QT_QPA_PLATFORM"}

// PIN asks for a PIN.
func (p Pinentry) PIN(ctx context.Context, q Question) (ukey.PIN, error) {
	q, err := ahead(ctx, q, maxText, escaped, p.yes)
	if err != nil {
		return nil, err
	}
	data, err := p.run(ctx, q, "GETPIN")
	switch {
	case err != nil:
		return nil, err
	case len(data) == 0:
		return nil, ErrCancelled.Becausef("nothing was typed")
	}
	return data, nil
}

// Confirm asks yes or no.
func (p Pinentry) Confirm(ctx context.Context, q Question) (bool, error) {
	q, err := ahead(ctx, q, maxText, escaped, p.yes)
	if errors.Is(err, ErrCancelled) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return p.yes(ctx, q)
}

// yes asks a question that fits into one window.
func (p Pinentry) yes(ctx context.Context, q Question) (bool, error) {
	_, err := p.run(ctx, q, "CONFIRM")
	if errors.Is(err, ErrCancelled) {
		return false, nil
	}
	return err == nil, err
}

func (p Pinentry) run(ctx context.Context, q Question, command string) ([]byte, error) {
	path, err := p.find()
	if err != nil {
		return nil, err
	}
	// The window is closed when nobody waits for it any more.
	cmd := exec.CommandContext(ctx, path)
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = orphaned()
	for _, name := range passed {
		if v, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, ErrNone.Because(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, ErrNone.Because(err)
	}
	if err := cmd.Start(); err != nil {
		return nil, ErrNone.Because(err)
	}
	defer cmd.Wait()
	defer in.Close()
	s := session{in, bufio.NewReaderSize(out, 4096)}
	data, err := s.ask(p, q, command)
	if ctx.Err() != nil {
		clear(data)
		return nil, ctx.Err()
	}
	return data, err
}

type session struct {
	in  io.Writer
	out *bufio.Reader
}

func (s *session) ask(p Pinentry, q Question, command string) ([]byte, error) {
	if _, err := s.answer(); err != nil { // its greeting
		return nil, err
	}
	if p.Terminal != "" {
		s.send("OPTION ttyname=" + escape(p.Terminal))
	}
	s.send("OPTION lc-ctype=C.UTF-8") // what a pinentry does not know, it may refuse
	for _, line := range [][2]string{{"SETTITLE", q.Title}, {"SETDESC", q.Text}, {"SETPROMPT", q.Prompt}, {"SETOK", q.Yes}, {"SETCANCEL", q.No}, {"SETERROR", q.Mistake}} {
		if line[1] == "" {
			continue
		}
		if _, err := s.send(line[0] + " " + escape(line[1])); err != nil && !errors.Is(err, errUnknown) {
			return nil, err
		}
	}
	return s.send(command)
}

var errUnknown = errors.New("dialog: pinentry does not know the command")

func (s *session) send(line string) ([]byte, error) {
	if _, err := io.WriteString(s.in, line+"\n"); err != nil {
		return nil, ErrNone.Because(err)
	}
	return s.answer()
}

// maxLine is that of the protocol: a pinentry that is sent more goes away. maxText is
// what of it is left for a text, and maxData is more than any PIN.
const (
	maxLine = 1000
	maxText = maxLine - len("SETDESC ")
	maxData = 256
)

func escaped(s string) int { return len(escape(s)) }

// answer reads data lines up to OK or ERR.
func (s *session) answer() ([]byte, error) {
	var data []byte
	for {
		raw, err := s.out.ReadSlice('\n')
		if err != nil || len(raw) > maxLine {
			clear(raw)
			clear(data)
			return nil, ErrNone.Becausef("pinentry ended without an answer")
		}
		line := strings.TrimRight(string(raw), "\r\n")
		clear(raw)
		switch {
		case line == "OK" || strings.HasPrefix(line, "OK "):
			return data, nil
		case strings.HasPrefix(line, "ERR "):
			clear(data)
			return nil, refused(line)
		case strings.HasPrefix(line, "D "):
			if data = append(data, unescape(line[2:])...); len(data) > maxData {
				clear(data)
				return nil, ErrNone.Becausef("pinentry answered with too much")
			}
		case strings.HasPrefix(line, "S "), strings.HasPrefix(line, "#"), line == "":
		default:
			clear(data)
			return nil, ErrNone.Becausef("pinentry answered with something else")
		}
	}
}

// refused reads an error: the low 16 bits are GnuPG's code.
func refused(line string) error {
	var n uint32
	fmt.Sscanf(line, "ERR %d", &n)
	switch n & 0xffff {
	case 99, 114, 198: // cancelled, not confirmed, fully cancelled
		return ErrCancelled
	case 174, 275, 276, 280: // unknown option, unknown command, not implemented
		return errUnknown
	}
	return ErrNone.Becausef("pinentry refuses with error %d", n&0xffff)
}

// escape writes what may not stand in a line as %XX.
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c == '%' || c < 0x20 || c == 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func unescape(s string) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		var c byte
		if s[i] == '%' && i+2 < len(s) {
			if n, err := fmt.Sscanf(s[i+1:i+3], "%02X", &c); n == 1 && err == nil {
				out = append(out, c)
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return out
}
