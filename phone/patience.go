package phone

import (
	"context"
	"errors"
	"time"
)

// Tries of a call that the server did not answer or asked to repeat.
const tries = 4

// longestWait is how long a phone waits because the server asks for it; what is asked
// to wait longer is told to the person.
const longestWait = 5 * time.Second

// patiently repeats a call that is safe to repeat: every one of the protocol is.
func (p *Phone) patiently(ctx context.Context, call func() error) error {
	wait := 200 * time.Millisecond
	for n := 1; ; n++ {
		err := call()
		if err == nil || n == tries || p.once {
			return err
		}
		var refused *Problem
		var silent *Unreachable
		switch {
		case errors.As(err, &refused) && (refused.Status == 503 || refused.Status == 429 || refused.Status == 502 || refused.Status == 504):
			if refused.RetryAfter > longestWait {
				return err
			}
			wait = max(wait, refused.RetryAfter)
		case errors.As(err, &silent) && ctx.Err() == nil:
		default:
			return err
		}
		if pause(ctx, wait) != nil {
			return err
		}
		wait *= 3
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Once makes each call once, without repeating what went unanswered: for measuring.
func Once() Option {
	return func(p *Phone) error { p.once = true; return nil }
}
