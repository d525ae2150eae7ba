package api

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A member is one name that an object may have, and where its value goes.
//
// Requests are read in one pass against the members that the call knows, instead
// of being decoded twice: encoding/json takes the last of two equal names, lets
// case differ, fills in what is missing and says nothing of what it does not know,
// and each of these has let two programs read one request in two ways.
type member struct {
	name string
	// to is *string, *bool, *int, *[]string or items.
	to   any
	need bool
}

// object is all that an object may hold.
type object []member

// items reads an array of objects: the function gives the members of the i-th, or
// a refusal when there are too many.
type items func(i int) (object, error)

// maxDepth is deeper than any request is: an object in an array in an object.
const maxDepth = 8

// maxStrings bounds a list of strings.
const maxStrings = 64

// decode reads one JSON object strictly. A refusal points at the place.
func decode(body []byte, o object) error {
	r := reader{b: body}
	if len(body) > 0 && body[0] == 0xEF {
		return ErrJSON.At("", "内容不能以 BOM 开头", "the body must not begin with a byte order mark")
	}
	if !utf8.Valid(body) {
		return ErrJSON.At("", "内容不是有效的 UTF-8", "the body is not valid UTF-8")
	}
	r.space()
	if err := r.object(o, 1); err != nil {
		return err
	}
	r.space()
	if r.i < len(r.b) {
		return ErrJSON.At("", "JSON 结束后还有其他内容", "something follows the JSON text")
	}
	return nil
}

// reader walks through a body. path is where it is, as a JSON pointer.
type reader struct {
	b    []byte
	i    int
	path []string
}

// pointer is RFC 6901; names that came with the request are cut short.
func (r *reader) pointer(more ...string) string {
	var b strings.Builder
	for _, p := range append(r.path, more...) {
		if len(p) > 64 {
			p = p[:64]
			for !utf8.ValidString(p) {
				p = p[:len(p)-1]
			}
		}
		b.WriteByte('/')
		b.WriteString(pointerEscapes.Replace(p))
	}
	return b.String()
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

func (r *reader) malformed() error {
	at := strconv.Itoa(r.i)
	return ErrJSON.At(r.pointer(), "第 "+at+" 字节处不是有效的 JSON", "not valid JSON at byte "+at)
}

func (r *reader) wrong(zh, en string) error { return ErrRequest.At(r.pointer(), zh, en) }

func (r *reader) space() {
	for r.i < len(r.b) {
		switch r.b[r.i] {
		case ' ', '\t', '\r', '\n':
			r.i++
		default:
			return
		}
	}
}

func (r *reader) peek() byte {
	if r.i < len(r.b) {
		return r.b[r.i]
	}
	return 0
}

func (r *reader) take(c byte) bool {
	if r.peek() == c && r.i < len(r.b) {
		r.i++
		return true
	}
	return false
}

func (r *reader) object(o object, depth int) error {
	if depth > maxDepth {
		return ErrJSON.At(r.pointer(), "嵌套过深", "nested too deeply")
	}
	if !r.take('{') {
		return r.other("应为对象", "must be an object")
	}
	var seen uint64 // an object of ours has far fewer than 64 members
	r.space()
	for first := true; !r.take('}'); first = false {
		if !first {
			if !r.take(',') {
				return r.malformed()
			}
			r.space()
		}
		if r.peek() != '"' {
			return r.malformed()
		}
		name, err := r.string()
		if err != nil {
			return err
		}
		r.space()
		if !r.take(':') {
			return r.malformed()
		}
		r.space()
		n := o.find(name)
		if n < 0 {
			return ErrRequest.At(r.pointer(name), "没有名为此的字段", "there is no such member")
		}
		r.path = append(r.path, name)
		if seen&(1<<n) != 0 {
			return ErrJSON.At(r.pointer(), "同一字段出现了两次", "the member stands here twice")
		}
		seen |= 1 << n
		if err := r.value(o[n].to, depth); err != nil {
			return err
		}
		r.path = r.path[:len(r.path)-1]
		r.space()
	}
	for n, m := range o {
		if m.need && seen&(1<<n) == 0 {
			return ErrRequest.At(r.pointer(m.name), "缺少此字段", "this member is missing")
		}
	}
	return nil
}

func (o object) find(name string) int {
	for n := range o {
		if o[n].name == name {
			return n
		}
	}
	return -1
}

func (r *reader) value(to any, depth int) error {
	switch to := to.(type) {
	case *string:
		if r.peek() != '"' {
			return r.other("应为字符串", "must be a string")
		}
		s, err := r.string()
		*to = s
		return err
	case *bool:
		switch {
		case r.word("true"):
			*to = true
		case r.word("false"):
			*to = false
		default:
			return r.other("应为 true 或 false", "must be true or false")
		}
		return nil
	case *int:
		return r.int(to)
	case *[]string:
		return r.array(func(i int) error {
			if i >= maxStrings {
				return r.wrong("内容过多", "too many values")
			}
			if r.peek() != '"' {
				return r.other("应为字符串", "must be a string")
			}
			s, err := r.string()
			*to = append(*to, s)
			return err
		})
	case items:
		return r.array(func(i int) error {
			o, err := to(i)
			if err != nil {
				return err
			}
			return r.object(o, depth+2)
		})
	}
	panic("api: a member of a type that is not read")
}

func (r *reader) array(each func(i int) error) error {
	if !r.take('[') {
		return r.other("应为数组", "must be an array")
	}
	r.space()
	for i := 0; !r.take(']'); i++ {
		if i > 0 {
			if !r.take(',') {
				return r.malformed()
			}
			r.space()
		}
		r.path = append(r.path, strconv.Itoa(i))
		if err := each(i); err != nil {
			return err
		}
		r.path = r.path[:len(r.path)-1]
		r.space()
	}
	return nil
}

// other tells a value of another type from no value at all.
func (r *reader) other(zh, en string) error {
	switch c := r.peek(); {
	case c == '{', c == '[', c == '"', c == '-', c >= '0' && c <= '9':
		return r.wrong(zh, en)
	case r.word("true"), r.word("false"), r.word("null"):
		return r.wrong(zh, en)
	}
	return r.malformed()
}

func (r *reader) word(w string) bool {
	if strings.HasPrefix(string(r.b[r.i:min(r.i+len(w), len(r.b))]), w) {
		r.i += len(w)
		return true
	}
	return false
}

// int reads a whole number as RFC 8259 writes it, within what an int holds.
func (r *reader) int(to *int) error {
	start := r.i
	r.take('-')
	digits := r.i
	for c := r.peek(); c >= '0' && c <= '9'; c = r.peek() {
		r.i++
	}
	text := string(r.b[start:r.i])
	if r.i == digits {
		r.i = start
		return r.other("应为整数", "must be a whole number")
	}
	if r.b[digits] == '0' && r.i-digits > 1 {
		return r.malformed()
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if c := r.peek(); err != nil || c == '.' || c == 'e' || c == 'E' {
		return r.wrong("应为整数", "must be a whole number")
	}
	*to = int(n)
	return nil
}

// string reads a string. Control characters are refused even where JSON can write
// them: no text of ours needs one, U+001F parts the keys of the store, and NUL ends
// strings in programs further on.
func (r *reader) string() (string, error) {
	start := r.i + 1
	for i := start; i < len(r.b); i++ {
		switch c := r.b[i]; {
		case c == '"':
			r.i = i + 1
			return string(r.b[start:i]), nil
		case c == '\\':
			return r.escaped(start, i)
		case c < 0x20, c == 0x7f:
			r.i = i
			return "", r.control()
		}
	}
	r.i = len(r.b)
	return "", r.malformed()
}

func (r *reader) control() error {
	return ErrJSON.At(r.pointer(), "字符串含有控制字符", "a string holds a control character")
}

// escaped goes on at the first backslash.
func (r *reader) escaped(start, i int) (string, error) {
	out := append(make([]byte, 0, len(r.b)-start), r.b[start:i]...)
	for i < len(r.b) {
		c := r.b[i]
		switch {
		case c == '"':
			r.i = i + 1
			return string(out), nil
		case c < 0x20, c == 0x7f:
			r.i = i
			return "", r.control()
		case c != '\\':
			out = append(out, c)
			i++
			continue
		}
		r.i = i
		if i+1 >= len(r.b) {
			break
		}
		i += 2
		switch r.b[i-1] {
		case '"', '\\', '/':
			out = append(out, r.b[i-1])
		case 'b', 'f':
			return "", r.control()
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			c, ok := hex4(r.b, i)
			if !ok {
				return "", r.malformed()
			}
			i += 4
			if utf16.IsSurrogate(c) {
				low, ok := rune(0), i+1 < len(r.b) && r.b[i] == '\\' && r.b[i+1] == 'u'
				if ok {
					low, ok = hex4(r.b, i+2)
				}
				c = utf16.DecodeRune(c, low)
				if !ok || c == utf8.RuneError {
					return "", ErrJSON.At(r.pointer(), "字符串含有不完整的字符", "a string holds half a character")
				}
				i += 6
			}
			if c < 0x20 && c != '\n' && c != '\r' && c != '\t' || c == 0x7f {
				return "", r.control()
			}
			out = utf8.AppendRune(out, c)
		default:
			return "", r.malformed()
		}
	}
	r.i = len(r.b)
	return "", r.malformed()
}

func hex4(b []byte, i int) (rune, bool) {
	if i+4 > len(b) {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[i:i+4]), 16, 16)
	if err != nil || b[i] == '+' || b[i] == '-' || b[i] == '_' {
		return 0, false
	}
	return rune(n), true
}
