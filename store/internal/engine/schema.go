// Package engine holds what every storage engine does alike, so that the
// engines cannot come to differ in it: the declared schema, the bounds of a
// walk, and cursors.
package engine

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"certlink/store"
)

// MaxBody bounds one document; the smallest limit of any engine (a MongoDB
// document has 16 MiB) with room for its indexes.
const MaxBody = 12 << 20

// MaxIndexes bounds the indexes of one collection.
const MaxIndexes = 32

// Collection is a declared collection with its indexes by number.
type Collection struct {
	store.Collection
	number map[string]int
}

// Schema is the set of declared collections.
type Schema map[string]*Collection

var name = regexp.MustCompile(`^[a-z][a-z_]*$`)

// NewSchema checks a declaration.
func NewSchema(declared []store.Collection) (Schema, error) {
	s := Schema{}
	for _, d := range declared {
		if !name.MatchString(d.Name) {
			return nil, fmt.Errorf("collection %q: a name is made of a-z and _", d.Name)
		}
		if strings.HasPrefix(d.Name, "certlink_") {
			return nil, fmt.Errorf("collection %s: names with certlink_ are the engines' own", d.Name)
		}
		if s[d.Name] != nil {
			return nil, fmt.Errorf("collection %s is declared twice", d.Name)
		}
		if len(d.Indexes) > MaxIndexes {
			return nil, fmt.Errorf("collection %s has more than %d indexes", d.Name, MaxIndexes)
		}
		c := &Collection{Collection: d, number: map[string]int{}}
		c.Indexes = slices.Clone(d.Indexes)
		for i, ix := range c.Indexes {
			if !name.MatchString(ix.Name) {
				return nil, fmt.Errorf("collection %s, index %q: a name is made of a-z and _", d.Name, ix.Name)
			}
			if _, dup := c.number[ix.Name]; dup {
				return nil, fmt.Errorf("collection %s, index %s is declared twice", d.Name, ix.Name)
			}
			c.number[ix.Name] = i
		}
		s[d.Name] = c
	}
	return s, nil
}

// Of finds a collection. An undeclared one is a programming error.
func (s Schema) Of(collection string) *Collection {
	c := s[collection]
	if c == nil {
		panic("store: collection " + collection + " was not declared when the store was opened")
	}
	return c
}

// Number finds an index. An undeclared one is a programming error.
func (c *Collection) Number(index string) int {
	i, ok := c.number[index]
	if !ok {
		panic("store: index " + index + " of collection " + c.Name + " was not declared when the store was opened")
	}
	return i
}

// Values lays the values of a document out by index number; "" is no value.
// They are copies, all in one piece.
func (c *Collection) Values(byName map[string]string) ([]string, error) {
	if len(c.Indexes) == 0 && len(byName) == 0 {
		return nil, nil
	}
	values := make([]string, len(c.Indexes))
	length := 0
	for k, v := range byName {
		if !utf8.ValidString(v) {
			return nil, fmt.Errorf("store: %s: the value of index %s is not UTF-8", c.Name, k)
		}
		values[c.Number(k)] = v
		length += len(v)
	}
	var all strings.Builder
	all.Grow(length)
	for i, v := range values {
		all.WriteString(v)
		values[i] = all.String()[all.Len()-len(v):]
	}
	return values, nil
}

// ByName is the reverse of Values.
func (c *Collection) ByName(values []string) map[string]string {
	n := 0
	for _, v := range values {
		if v != "" {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	m := make(map[string]string, n)
	for i, v := range values {
		if v != "" {
			m[c.Indexes[i].Name] = v
		}
	}
	return m
}

// CheckDoc refuses what not every engine could keep.
func (c *Collection) CheckDoc(d store.Doc) error {
	switch {
	case d.ID == "":
		return fmt.Errorf("store: %s: a document needs an id", c.Name)
	case !utf8.ValidString(d.ID):
		return fmt.Errorf("store: %s: the id is not UTF-8", c.Name)
	case len(d.Body) > MaxBody:
		return fmt.Errorf("store: %s/%s: the document has %d bytes, and %d are the most", c.Name, d.ID, len(d.Body), MaxBody)
	}
	return nil
}

// Has tells whether an index is declared.
func (c *Collection) Has(index string) bool {
	_, ok := c.number[index]
	return ok
}
