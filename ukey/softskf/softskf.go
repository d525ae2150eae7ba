// Package softskf is the source of a small SKF library (GM/T 0016) that tests build
// and load in a vendor's place: it keeps its token in a directory, counts wrong
// PINs, and misbehaves on demand.
package softskf

import _ "embed"

// Source is the library in C; it needs nothing but a C compiler.
//
//go:embed src/softskf.c
var Source []byte
