package mobilecert

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Mistake is one thing wrong in the catalogue file, with its place.
type Mistake struct {
	Pointer string // RFC 6901
	Text    string
}

// mistakes collects, so that an operator mends the file once and not ten times.
type mistakes []Mistake

func (m *mistakes) add(at, format string, args ...any) {
	*m = append(*m, Mistake{at, fmt.Sprintf(format, args...)})
}

const (
	maxCatalogueBytes = 1 << 20
	maxCatalogueDepth = 16
)

// parseTree reads JSON with what encoding/json lets pass refused: a member that
// stands twice (of which it would silently take the last), bytes that are no
// UTF-8, and anything after the value.
func parseTree(data []byte, m *mistakes) (any, error) {
	if len(data) > maxCatalogueBytes {
		return nil, fmt.Errorf("the file has %d bytes, and %d are the most", len(data), maxCatalogueBytes)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // editors on Windows put it there
	if !utf8.Valid(data) {
		return nil, errors.New("the file is not UTF-8; save it as UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := readValue(d, "", 0, m)
	if err == nil {
		if _, err = d.Token(); err == nil {
			err = errors.New("something follows after the end of the JSON value")
		} else if errors.Is(err, io.EOF) {
			return v, nil
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the file ends in the middle of the JSON value")
	}
	line := 1 + bytes.Count(data[:min(int(d.InputOffset()), len(data))], []byte("\n"))
	return nil, fmt.Errorf("no valid JSON near line %d: %w", line, err)
}

func readValue(d *json.Decoder, at string, depth int, m *mistakes) (any, error) {
	if depth > maxCatalogueDepth {
		return nil, errors.New("nested too deeply")
	}
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('{'):
		members := map[string]any{}
		for d.More() {
			k, err := d.Token()
			if err != nil {
				return nil, err
			}
			name := k.(string)
			v, err := readValue(d, at+"/"+escapePointer(name), depth+1, m)
			if err != nil {
				return nil, err
			}
			if _, twice := members[name]; twice {
				m.add(at+"/"+escapePointer(name), "stands twice")
			}
			members[name] = v
		}
		_, err = d.Token()
		return members, err
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := readValue(d, at+"/"+strconv.Itoa(len(list)), depth+1, m)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = d.Token()
		return list, err
	}
	return t, nil
}

func escapePointer(s string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(s)
}

// object reads the members of one JSON object, each once; done then names those
// that nobody has asked for.
type object struct {
	at      string
	members map[string]any
	asked   []string
	m       *mistakes
}

func asObject(v any, at string, m *mistakes) *object {
	o := &object{at: at, m: m}
	members, ok := v.(map[string]any)
	if !ok {
		m.add(at, "must be an object { … }")
	}
	o.members = members
	return o
}

func (o *object) path(name string) string { return o.at + "/" + escapePointer(name) }

func (o *object) get(name string) (any, bool) {
	o.asked = append(o.asked, name)
	v, ok := o.members[name]
	return v, ok
}

// done names the members that have no meaning here: a misspelt setting that was
// silently ignored would be found by an accident later.
func (o *object) done() {
	var unknown []string
	for name := range o.members {
		if !slices.Contains(o.asked, name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		o.m.add(o.path(name), "is not known here; known are %s", strings.Join(o.asked, ", "))
	}
}

// text reads a text for people: one line, nothing invisible in it.
func (o *object) text(name string, required bool) string {
	v, there := o.get(name)
	if !there {
		if required && o.members != nil {
			o.m.add(o.path(name), "is missing")
		}
		return ""
	}
	return asText(v, o.path(name), o.m)
}

func asText(v any, at string, m *mistakes) string { return asLine(v, at, 200, m) }

// asParagraph is asText for texts that people read at length.
func asParagraph(v any, at string, m *mistakes) string { return asLine(v, at, 2000, m) }

func asLine(v any, at string, most int, m *mistakes) string {
	s, ok := v.(string)
	switch {
	case !ok:
		m.add(at, "must be a text in quotes")
		return ""
	case strings.TrimSpace(s) != s || s == "":
		m.add(at, "must not be empty or begin or end with a space")
	case utf8.RuneCountInString(s) > most:
		m.add(at, "is longer than %d characters", most)
	case strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) && r != '\u3000' }):
		m.add(at, "holds a character that does not show (a control or direction mark)")
	}
	return s
}

func (o *object) boolean(name string, otherwise bool) bool {
	v, there := o.get(name)
	if !there {
		return otherwise
	}
	b, ok := v.(bool)
	if !ok {
		o.m.add(o.path(name), "must be true or false")
	}
	return b
}

func (o *object) number(name string, otherwise int) int {
	v, there := o.get(name)
	if !there {
		return otherwise
	}
	n, _ := v.(json.Number)
	i, err := strconv.Atoi(n.String())
	if err != nil {
		o.m.add(o.path(name), "must be a whole number")
	}
	return i
}

// list reads an array, calling each with the element and its place.
func (o *object) list(name string, required bool, each func(v any, at string)) int {
	v, there := o.get(name)
	if !there {
		if required && o.members != nil {
			o.m.add(o.path(name), "is missing")
		}
		return 0
	}
	l, ok := v.([]any)
	switch {
	case !ok:
		o.m.add(o.path(name), "must be a list [ … ]")
	case len(l) == 0 && required:
		o.m.add(o.path(name), "must not be empty")
	case len(l) > 256:
		o.m.add(o.path(name), "has more than 256 entries")
		return 0
	}
	for i, v := range l {
		each(v, o.path(name)+"/"+strconv.Itoa(i))
	}
	return len(l)
}

// oneOf reads a text out of a fixed set.
func (o *object) oneOf(name, otherwise string, set ...string) string {
	v, there := o.get(name)
	if !there {
		if otherwise == "" && o.members != nil {
			o.m.add(o.path(name), "is missing; it is one of %s", strings.Join(set, ", "))
		}
		return otherwise
	}
	s, _ := v.(string)
	if !slices.Contains(set, s) {
		o.m.add(o.path(name), "must be one of %s", strings.Join(set, ", "))
	}
	return s
}
