package seal

import "strings"

// Field is one kind of thing that is sealed, and the collection where it lies. Fields
// are package variables made by In, and nothing can be sealed but for one: so the
// program knows all of them, and a test finds the one that is not sealed anew.
type Field struct{ collection, name string }

var declared []Field

// In declares a field. name begins its purposes.
func In(collection, name string) Field {
	f := Field{collection, name}
	declared = append(declared, f)
	return f
}

// Declared lists the fields by collection.
func Declared() map[string][]string {
	out := map[string][]string{}
	for _, f := range declared {
		out[f.collection] = append(out[f.collection], f.name)
	}
	return out
}

// Purpose is what one text is sealed for: the field, and the ids of its place, so
// that it does not open in another one's.
type Purpose struct{ text string }

// Of is the purpose for one place.
func (f Field) Of(place ...string) Purpose {
	return Purpose{strings.Join(append([]string{f.name}, place...), " ")}
}
