package phone

import (
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// parseCanonical reads a JSON object whose leaves are all strings, written by RFC 8785,
// into its leaves in order. Anything that could be written differently and mean the same
// is refused: spaces, escapes without need, names out of order or twice. So what is
// shown has exactly one spelling, and that is what is signed.
func parseCanonical(raw []byte) ([]Field, error) {
	if !utf8.Valid(raw) {
		return nil, errors.New("not UTF-8")
	}
	r := canonReader{in: raw, fields: make([]Field, 0, 32)}
	if err := r.object("", 0); err != nil {
		return nil, fmt.Errorf("at byte %d: %w", r.at, err)
	}
	if r.at != len(raw) {
		return nil, errors.New("something stands after the object")
	}
	return r.fields, nil
}

const (
	maxDepth  = 4
	maxFields = 200
)

type canonReader struct {
	in     []byte
	at     int
	fields []Field
}

func (r *canonReader) next(c byte) bool {
	if r.at < len(r.in) && r.in[r.at] == c {
		r.at++
		return true
	}
	return false
}

func (r *canonReader) object(path string, depth int) error {
	if depth > maxDepth {
		return errors.New("objects lie too deep in each other")
	}
	if !r.next('{') {
		return errors.New("an object is expected")
	}
	if r.next('}') {
		if path == "" {
			return nil
		}
		return r.add(path, "") // nothing in it, and shown as such
	}
	for last, first := "", true; ; first = false {
		name, err := r.text()
		if err != nil {
			return err
		}
		if !first && !before(last, name) {
			return errors.New("names are out of order or there twice")
		}
		last = name
		if !r.next(':') {
			return errors.New("a colon is expected")
		}
		if err := r.value(join(path, name), depth); err != nil {
			return err
		}
		if r.next('}') {
			return nil
		}
		if !r.next(',') {
			return errors.New("a comma or the end of the object is expected")
		}
	}
}

func (r *canonReader) value(path string, depth int) error {
	if r.at < len(r.in) && r.in[r.at] == '{' {
		return r.object(path, depth+1)
	}
	v, err := r.text()
	if err != nil {
		return err
	}
	return r.add(path, v)
}

func (r *canonReader) add(path, value string) error {
	if len(r.fields) == maxFields {
		return errors.New("too many fields")
	}
	r.fields = append(r.fields, Field{path, value})
	return nil
}

// text reads a string in the only spelling of RFC 8785 §3.2.2.2: the seven short escapes
// where they exist, \u00xx in lower case for the other control characters, and
// everything else as it is.
func (r *canonReader) text() (string, error) {
	if !r.next('"') {
		return "", errors.New("a string is expected; statements hold nothing else")
	}
	start := r.at
	for r.at < len(r.in) {
		switch c := r.in[r.at]; {
		case c == '"':
			v := string(r.in[start:r.at])
			r.at++
			return v, nil
		case c == '\\':
			return r.escaped(start)
		case c < 0x20:
			return "", errors.New("a control character stands in a string")
		}
		r.at++
	}
	return "", errors.New("a string has no end")
}

var shortEscapes = map[byte]byte{'b': '\b', 't': '\t', 'n': '\n', 'f': '\f', 'r': '\r', '"': '"', '\\': '\\'}

func (r *canonReader) escaped(start int) (string, error) {
	v := append([]byte(nil), r.in[start:r.at]...)
	for r.at < len(r.in) {
		c := r.in[r.at]
		r.at++
		switch {
		case c == '"':
			return string(v), nil
		case c < 0x20:
			return "", errors.New("a control character stands in a string")
		case c != '\\':
			v = append(v, c)
			continue
		}
		if r.at == len(r.in) {
			break
		}
		if plain, ok := shortEscapes[r.in[r.at]]; ok {
			v = append(v, plain)
			r.at++
			continue
		}
		plain, ok := r.longEscape()
		if !ok {
			return "", errors.New("an escape stands where none is needed")
		}
		v = append(v, plain)
	}
	return "", errors.New("a string has no end")
}

// longEscape reads u00xx for a control character that has no short escape.
func (r *canonReader) longEscape() (byte, bool) {
	if len(r.in)-r.at < 5 || string(r.in[r.at:r.at+3]) != "u00" {
		return 0, false
	}
	hi, lo := hexDigit(r.in[r.at+3]), hexDigit(r.in[r.at+4])
	if hi < 0 || hi > 1 || lo < 0 {
		return 0, false
	}
	c := byte(hi<<4 | lo)
	switch c {
	case '\b', '\t', '\n', '\f', '\r':
		return 0, false
	}
	r.at += 5
	return c, true
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}

// before is the order of RFC 8785 §3.2.3: by UTF-16 code units, which differs from the
// order of bytes only beyond U+FFFF.
func before(a, b string) bool {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			if a[i] < 0x80 || b[i] < 0x80 {
				return a[i] < b[i]
			}
			return lessUTF16(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
		}
	}
	return len(a) < len(b)
}

func lessUTF16(a, b []uint16) bool {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return len(a) < len(b)
}

// join spells a path. A dot or a backslash inside a name is escaped, so that no field
// can pass for another by its name.
func join(path, name string) string {
	plain := true
	for i := range len(name) {
		if name[i] == '.' || name[i] == '\\' {
			plain = false
		}
	}
	if !plain {
		var b []byte
		for i := range len(name) {
			if name[i] == '.' || name[i] == '\\' {
				b = append(b, '\\')
			}
			b = append(b, name[i])
		}
		name = string(b)
	}
	if path == "" {
		return name
	}
	return path + "." + name
}
