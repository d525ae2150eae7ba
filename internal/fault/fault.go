// Package fault gives every refusal of the product a stable code and a kind.
//
// Domain packages declare their codes as package variables with New, in both
// languages, and return them, with With or Because where there is more to say. Only
// the API knows which HTTP status a kind is; causes are logged, never shown.
package fault

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Kind says what sort of refusal it is; the API maps it to an HTTP status.
type Kind int

const (
	Internal      Kind = iota // our own fault                          500
	Invalid                   // the request makes no sense             400
	Unauthorized              // who are you?                           401
	Forbidden                 // we know who you are, and no            403
	NotFound                  // there is no such thing, for you        404
	Conflict                  // not in this state                      409
	Gone                      // it was, and is over                    410
	TooLarge                  //                                        413
	Unprocessable             // well-formed, and not acceptable        422
	Limited                   // too many; Retry says when              429
	Unavailable               // not now; Retry says when               503
	Unsupported               // media type                             415
	NotAllowed                // HTTP method                            405
)

// Error is a refusal. The variables made by New are templates: compare with
// errors.Is, which goes by Code.
type Error struct {
	Kind   Kind
	Code   string // stable, snake_case, in the OpenAPI document
	ZH, EN string // what happened and what to do next, for a person
	// Fields points at the parts of the request that are wrong.
	Fields []Field
	// Extra are further members of the problem document (RFC 9457 §3.2).
	Extra map[string]any
	// Retry, with Limited and Unavailable, says after how long to come back.
	Retry time.Duration
	cause error
}

// Field is one wrong part of a request: a JSON pointer and a text.
type Field struct {
	Pointer string `json:"pointer"`
	ZH      string `json:"-"`
	EN      string `json:"-"`
}

var (
	mu  sync.Mutex
	all = map[string]*Error{}
)

// New declares a code. Declaring one twice is a programming error.
func New(kind Kind, code, zh, en string) *Error {
	mu.Lock()
	defer mu.Unlock()
	if _, dup := all[code]; dup {
		panic("fault: code declared twice: " + code)
	}
	e := &Error{Kind: kind, Code: code, ZH: zh, EN: en}
	all[code] = e
	return e
}

// All lists every code the program can emit, by name.
func All() []*Error {
	mu.Lock()
	defer mu.Unlock()
	out := slices.Collect(maps.Values(all))
	slices.SortFunc(out, func(a, b *Error) int {
		if a.Code < b.Code {
			return -1
		}
		return 1
	})
	return out
}

func (e *Error) Error() string {
	if e.cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.EN, e.cause)
	}
	return e.Code + ": " + e.EN
}

func (e *Error) Unwrap() error { return e.cause }

// Is makes errors.Is(err, template) go by the code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Because returns a copy that carries a cause for the log.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// Becausef is Because with a formatted cause.
func (e *Error) Becausef(format string, args ...any) *Error {
	return e.Because(fmt.Errorf(format, args...))
}

// At returns a copy that points at a part of the request.
func (e *Error) At(pointer, zh, en string) *Error {
	c := *e
	c.Fields = append(slices.Clone(e.Fields), Field{pointer, zh, en})
	return &c
}

// With returns a copy with a further member for the problem document. The value is
// shown to the person: never put a cause or a secret there.
func (e *Error) With(name string, value any) *Error {
	c := *e
	c.Extra = maps.Clone(e.Extra)
	if c.Extra == nil {
		c.Extra = map[string]any{}
	}
	c.Extra[name] = value
	return &c
}

// After returns a copy that says when to come back.
func (e *Error) After(d time.Duration) *Error {
	c := *e
	c.Retry = d
	return &c
}

// Of returns the refusal in err's chain, or nil.
func Of(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}
