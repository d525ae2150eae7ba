package engine

import (
	"encoding/binary"

	"certlink/store"
)

// EncodeChanges writes changes one after the other: collection and id, each
// with its length before it, and the revision.
func EncodeChanges(changes []store.Change) []byte {
	b := make([]byte, 0, 48*len(changes))
	for _, c := range changes {
		b = binary.AppendUvarint(b, uint64(len(c.Collection)))
		b = append(b, c.Collection...)
		b = binary.AppendUvarint(b, uint64(len(c.ID)))
		b = append(b, c.ID...)
		b = binary.AppendUvarint(b, uint64(c.Rev))
	}
	return b
}

// DecodeChanges is the reverse. What cannot be read ends it: the feed is only a
// hint, and no reason to stop.
func DecodeChanges(b []byte) (changes []store.Change) {
	number := func() uint64 {
		n, used := binary.Uvarint(b)
		b = b[max(used, 0):]
		return n
	}
	text := func() string {
		n := min(number(), uint64(len(b)))
		s := string(b[:n])
		b = b[n:]
		return s
	}
	for len(b) > 0 {
		c := store.Change{Collection: text(), ID: text(), Rev: int64(number())}
		if c.Collection == "" {
			break
		}
		changes = append(changes, c)
	}
	return changes
}
