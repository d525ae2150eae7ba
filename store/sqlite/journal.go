package sqlite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"certlink/store"
	"certlink/store/internal/engine"
)

// journal is the file in which a write becomes durable: each batch of writes is one
// record behind the others, and one sync. Records of one generation go into one
// file; when its documents have been folded into the database, the file serves the
// generation after the next, and is written over from its beginning, which spares
// the file system the work on its length.
//
//	header: magic, length, sum, generation, schema
//	record: length, sum, operations
//
// A sum covers the generation, so that what a former one has left behind the last
// record is never taken for a record. A torn record can only be the last one, whose
// callers had no answer yet; a generation that another followed ends with a record
// that says so.
type journal struct {
	dir    string
	schema []byte
	file   *os.File
	gen    uint64
	at     int64  // where the next record begins
	head   []byte // until it is durable
	buf    []byte // the record that is being made
}

const (
	journalMagic  = "certlink journal 1\n"
	recordHead    = 8
	maxRecord     = 1 << 30
	recordEnd     = 'e' // the only operation of the last record of a generation
	recordPut     = 'p'
	recordDelete  = 'd'
	recordNothing = 'n' // a ping
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func journalPath(dir string, gen uint64) string {
	return filepath.Join(dir, "journal."+strconv.FormatUint(gen%2, 10))
}

func sum(gen uint64, b []byte) uint32 {
	var g [8]byte
	binary.LittleEndian.PutUint64(g[:], gen)
	return crc32.Update(crc32.Checksum(g[:], castagnoli), castagnoli, b)
}

// next makes the journal of a generation. Its beginning is durable with its first
// record.
func (j *journal) next(gen uint64) (*journal, error) {
	path := journalPath(j.dir, gen)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		if f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err == nil {
			err = syncDir(j.dir)
		}
	}
	if err != nil {
		return nil, err
	}
	body := binary.LittleEndian.AppendUint64(nil, gen)
	body = append(body, j.schema...)
	head := append(make([]byte, 0, len(journalMagic)+recordHead+len(body)), journalMagic...)
	head = binary.LittleEndian.AppendUint32(head, uint32(len(body)))
	head = binary.LittleEndian.AppendUint32(head, sum(gen, body))
	head = append(head, body...)
	if _, err := f.WriteAt(head, 0); err != nil {
		f.Close()
		return nil, err
	}
	return &journal{dir: j.dir, schema: j.schema, file: f, gen: gen, at: int64(len(head)), head: head, buf: j.buf}, nil
}

// start begins a record.
func (j *journal) start() { j.buf = append(j.buf[:0], make([]byte, recordHead)...) }

// put adds a document as it is to be.
func (j *journal) put(e *entry) {
	j.buf = append(j.buf, recordPut)
	j.name(e.key)
	j.buf = binary.AppendUvarint(j.buf, uint64(e.rev))
	j.buf = binary.AppendUvarint(j.buf, uint64(len(e.body)))
	j.buf = append(j.buf, e.body...)
	for _, v := range e.values {
		j.text(v)
	}
}

// delete adds that a document is to be gone.
func (j *journal) delete(k key) {
	j.buf = append(j.buf, recordDelete)
	j.name(k)
}

// nothing writes to the disk without changing anything.
func (j *journal) nothing() { j.buf = append(j.buf, recordNothing) }

// end makes the record that is the last of its generation.
func (j *journal) end() {
	j.start()
	j.buf = append(j.buf, recordEnd)
}

func (j *journal) name(k key) {
	j.text(k.c.Name)
	j.text(k.id)
}

func (j *journal) text(s string) {
	j.buf = binary.AppendUvarint(j.buf, uint64(len(s)))
	j.buf = append(j.buf, s...)
}

// sync makes the record durable. After an error it is not known whether it is; the
// next record is written over it. The system may have dropped what it could not sync,
// and say nothing of it the next time: so the header is written again as well, until
// a sync has covered it.
func (j *journal) sync() error {
	body := j.buf[recordHead:]
	if len(body) > maxRecord {
		return errors.New("the writes of one moment are too large")
	}
	binary.LittleEndian.PutUint32(j.buf, uint32(len(body)))
	binary.LittleEndian.PutUint32(j.buf[4:], sum(j.gen, body))
	if j.head != nil {
		if _, err := j.file.WriteAt(j.head, 0); err != nil {
			return err
		}
	}
	if _, err := j.file.WriteAt(j.buf, j.at); err != nil {
		return err
	}
	if err := datasync(j.file); err != nil {
		return err
	}
	j.head = nil
	j.at += int64(len(j.buf))
	if cap(j.buf) > 4<<20 {
		j.buf = nil // a rare large one is not kept
	}
	return nil
}

// replayed is what a journal holds.
type replayed struct {
	path    string
	gen     uint64
	schema  engine.Schema
	ended   bool // by its last record
	records int
	// changes and final are in the order of the writes; of a document that was
	// written several times, the last state stands in final, nil where it is gone.
	changes []store.Change
	final   map[key]*entry
	order   []key
}

// errNoJournal: the file has never been begun, or not durably: nothing that it might
// hold was answered.
var errNoJournal = errors.New("no journal")

// readJournal reads a file up to its last whole record.
func readJournal(path string) (*replayed, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	d := &decoder{b: b}
	if string(d.bytes(len(journalMagic))) != journalMagic {
		return nil, errNoJournal
	}
	head, want := d.framed()
	if len(head) < 8 {
		return nil, errNoJournal
	}
	r := &replayed{path: path, gen: binary.LittleEndian.Uint64(head), final: map[key]*entry{}}
	if sum(r.gen, head) != want {
		return nil, errNoJournal
	}
	if r.schema, err = decodeSchema(head[8:]); err != nil {
		return nil, fmt.Errorf("the journal %s: %w", path, err)
	}
	for !r.ended {
		body, want := d.framed()
		if body == nil || sum(r.gen, body) != want {
			return r, nil
		}
		if err := r.record(&decoder{b: body}); err != nil {
			return nil, fmt.Errorf("the journal %s, record %d: %w", path, r.records, err)
		}
		r.records++
	}
	return r, nil
}

func (r *replayed) record(d *decoder) error {
	for len(d.b) > 0 && d.err == nil {
		switch kind := d.bytes(1)[0]; kind {
		case recordEnd:
			r.ended = true
		case recordNothing:
		case recordPut, recordDelete:
			c := r.schema[d.text()]
			if c == nil {
				return errors.New("it names a collection that it does not declare")
			}
			k := key{c, d.text()}
			if _, seen := r.final[k]; !seen {
				r.order = append(r.order, k)
			}
			if kind == recordDelete {
				r.final[k] = nil
				break
			}
			e := &entry{key: k, rev: int64(d.number()), body: []byte(d.text())}
			if n := len(c.Indexes); n > 0 {
				e.values = make([]string, n)
				for i := range e.values {
					e.values[i] = d.text()
				}
			}
			r.final[k] = e
			if c.Feed {
				r.changes = append(r.changes, store.Change{Collection: c.Name, ID: k.id, Rev: e.rev})
			}
		default:
			return fmt.Errorf("an operation of the unknown kind %q", kind)
		}
	}
	return d.err
}

// encodeSchema writes what the values in the records mean, for a later program that
// declares other indexes.
func encodeSchema(s []store.Collection) []byte {
	var b strings.Builder
	for _, c := range s {
		fmt.Fprintf(&b, "%s %t", c.Name, c.Feed)
		for _, ix := range c.Indexes {
			fmt.Fprintf(&b, " %s %t", ix.Name, ix.Unique)
		}
		b.WriteByte('\n')
	}
	return []byte(b.String())
}

func decodeSchema(b []byte) (engine.Schema, error) {
	var declared []store.Collection
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 2 || len(f)%2 != 0 {
			return nil, errors.New("its schema cannot be read")
		}
		c := store.Collection{Name: f[0], Feed: f[1] == "true"}
		for i := 2; i < len(f); i += 2 {
			c.Indexes = append(c.Indexes, store.Index{Name: f[i], Unique: f[i+1] == "true"})
		}
		declared = append(declared, c)
	}
	return engine.NewSchema(declared)
}

// decoder reads what journal writes; what is not there is an error, kept in err.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) bytes(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.err, d.b = io.ErrUnexpectedEOF, nil
		return make([]byte, min(max(n, 0), 64))
	}
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

func (d *decoder) number() uint64 {
	n, used := binary.Uvarint(d.b)
	if used <= 0 {
		d.err, d.b = io.ErrUnexpectedEOF, nil
		return 0
	}
	d.b = d.b[used:]
	return n
}

func (d *decoder) text() string {
	n := d.number()
	if n > uint64(len(d.b)) {
		d.err, d.b = io.ErrUnexpectedEOF, nil
		return ""
	}
	return string(d.bytes(int(n)))
}

// framed reads a length, a sum, and so many bytes; nil where they are not there.
func (d *decoder) framed() ([]byte, uint32) {
	if len(d.b) < recordHead {
		return nil, 0
	}
	n, want := binary.LittleEndian.Uint32(d.b), binary.LittleEndian.Uint32(d.b[4:])
	if n == 0 || n > maxRecord || int(n) > len(d.b)-recordHead {
		return nil, 0
	}
	d.bytes(recordHead)
	return d.bytes(int(n)), want
}
