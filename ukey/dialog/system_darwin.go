package dialog

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"

	"certlink/ukey"
)

// System is pinentry-mac where it is installed, else the dialog that macOS itself
// draws for scripts.
func System(pinentry, terminal string) Asker {
	p := Pinentry{Path: pinentry, Terminal: terminal}
	if _, err := p.find(); err == nil {
		return p
	}
	return script{}
}

// script asks by osascript. What is shown goes in as arguments, never as code.
type script struct{}

const (
	askPIN = `on run a
return text returned of (display dialog (item 2 of a) with title (item 1 of a) default answer "" with hidden answer buttons {item 4 of a, item 3 of a} default button 2 cancel button 1)
end run`
	askYes = `on run a
display dialog (item 2 of a) with title (item 1 of a) buttons {item 4 of a, item 3 of a} default button 1 cancel button 1
end run`
)

func (script) run(ctx context.Context, code string, q Question) ([]byte, error) {
	text := q.Text
	if q.Mistake != "" {
		text = q.Mistake + "\n\n" + text
	}
	out, err := exec.CommandContext(ctx, "/usr/bin/osascript", "-e", code, "--", q.Title, text, q.Yes, q.No).Output()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.As(err, &exit) && strings.Contains(string(exit.Stderr), "-128"): // cancelled
		return nil, ErrCancelled
	case err != nil:
		return nil, ErrNone.Because(err)
	}
	return bytes.TrimSuffix(out, []byte("\n")), nil
}

// PIN asks for a PIN.
func (s script) PIN(ctx context.Context, q Question) (ukey.PIN, error) {
	pin, err := s.run(ctx, askPIN, q)
	if err == nil && len(pin) == 0 {
		err = ErrCancelled
	}
	return pin, err
}

// Confirm asks yes or no.
func (s script) Confirm(ctx context.Context, q Question) (bool, error) {
	_, err := s.run(ctx, askYes, q)
	if errors.Is(err, ErrCancelled) {
		return false, nil
	}
	return err == nil, err
}
