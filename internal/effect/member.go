package effect

import "errors"

// member is where the member "pending" stands in a body: its value, and what
// must go for the member to be gone, one comma included. Documents are a few
// kilobytes, and decoding them for one member costs more than all else that the
// relay does.
type member struct {
	from, to   int
	value, end int
}

func (m member) empty() bool { return m.end == 0 }

var errBody = errors.New("effect: a stored body is not a JSON object")

// find walks over the members of an object. It trusts the inside of values to be
// JSON, which engines were given, and stays within body whatever it holds.
func find(body []byte) (member, error) {
	i := space(body, 0)
	if i >= len(body) || body[i] != '{' {
		return member{}, errBody
	}
	if i = space(body, i+1); i < len(body) && body[i] == '}' {
		return member{}, nil
	}
	for first := true; ; first = false {
		start := i
		if i >= len(body) || body[i] != '"' {
			return member{}, errBody
		}
		i = text(body, i)
		if i < 0 {
			return member{}, errBody
		}
		name := body[start:i]
		if i = space(body, i); i >= len(body) || body[i] != ':' {
			return member{}, errBody
		}
		value := space(body, i+1)
		if i = skip(body, value); i < 0 {
			return member{}, errBody
		}
		end := i
		i = space(body, i)
		if i >= len(body) || body[i] != ',' && body[i] != '}' {
			return member{}, errBody
		}
		last := body[i] == '}'
		if string(name) == `"pending"` {
			m := member{from: start, to: i, value: value, end: end}
			switch {
			case !last:
				m.to = i + 1 // with the comma behind
			case !first:
				for m.from--; body[m.from] != ','; m.from-- { // with the one before
				}
			}
			return m, nil
		}
		if last {
			return member{}, nil
		}
		i = space(body, i+1)
	}
}

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// text returns the place behind the string that begins at i, or -1.
func text(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// skip returns the place behind the value that begins at i, or -1.
func skip(b []byte, i int) int {
	begin, depth := i, 0
	for i < len(b) {
		switch b[i] {
		case '"':
			if i = text(b, i); i < 0 {
				return -1
			}
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return some(begin, i) // of the object around a bare value
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\n', '\t', '\r':
			if depth == 0 {
				return some(begin, i)
			}
		}
		i++
	}
	return -1
}

// some is end, if the value holds anything.
func some(begin, end int) int {
	if begin == end {
		return -1
	}
	return end
}
