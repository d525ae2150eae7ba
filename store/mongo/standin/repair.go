package main

import (
	"encoding/binary"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// repaired puts right the one answer that a client must be able to tell from a
// broken server: FerretDB on SQLite answers an update that violates a unique
// index with an internal error, where MongoDB answers with write error 11000.
func repaired(answer []byte) []byte {
	const opMsg, head = 2013, 16 + 4 + 1 // header, flags, kind of the section
	if len(answer) < head || binary.LittleEndian.Uint32(answer[12:]) != opMsg || answer[head-1] != 0 {
		return answer
	}
	body := bson.Raw(answer[head:])
	text, _ := body.Lookup("errmsg").StringValueOK()
	if !strings.Contains(text, "UNIQUE constraint failed") {
		return answer
	}
	right, err := bson.Marshal(bson.D{
		{Key: "n", Value: int32(0)}, {Key: "nModified", Value: int32(0)},
		{Key: "writeErrors", Value: bson.A{bson.D{{Key: "index", Value: int32(0)}, {Key: "code", Value: int32(11000)}, {Key: "errmsg", Value: "E11000 duplicate key error"}}}},
		{Key: "ok", Value: 1.0},
	})
	if err != nil {
		return answer
	}
	m := append(append([]byte{}, answer[:head]...), right...)
	binary.LittleEndian.PutUint32(m, uint32(len(m)))
	binary.LittleEndian.PutUint32(m[16:], 0) // no flags: no checksum follows
	return m
}
