package bridge

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Audit is the file that says what was asked of the bridge and what came of it, one
// line of JSON each. It holds ids and codes; no PIN, no secret, no name of a person.
type Audit struct {
	mu      sync.Mutex
	file    string
	out     *os.File
	size    int64
	minute  time.Time
	refused int
}

const (
	maxAudit = 4 << 20
	// maxRefused bounds how many refusals a minute are written one by one: a page that
	// hammers at the door must not fill the disk.
	maxRefused = 600
)

// Entry is one line.
type Entry struct {
	At          time.Time `json:"at"`
	Act         string    `json:"act"`
	Origin      string    `json:"origin,omitempty"`
	Host        string    `json:"host,omitempty"`
	Code        string    `json:"code,omitempty"` // of the refusal
	Statement   string    `json:"statement,omitempty"`
	Purpose     string    `json:"purpose,omitempty"`
	Token       string    `json:"token,omitempty"`
	Certificate string    `json:"certificate,omitempty"`
	Left        *int      `json:"tries_left,omitempty"`
	Vendor      any       `json:"vendor_code,omitempty"`
}

// OpenAudit opens the file for adding to it.
func OpenAudit(file string) (*Audit, error) {
	a := &Audit{file: file}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, err
	}
	return a, a.open()
}

func (a *Audit) open() (err error) {
	if a.out, err = os.OpenFile(a.file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return err
	}
	a.size, err = a.out.Seek(0, io.SeekEnd)
	return err
}

// Write adds a line. Texts that came from outside are cut short.
func (a *Audit) Write(e Entry) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e.Act == "refused" {
		if e.At.Sub(a.minute) > time.Minute {
			a.minute, a.refused = e.At, 0
		}
		if a.refused++; a.refused > maxRefused {
			return nil
		}
	}
	e.Origin, e.Host = short(e.Origin), short(e.Host)
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if a.size > maxAudit {
		a.out.Close()
		if err := os.Rename(a.file, a.file+".1"); err != nil {
			return err
		}
		if err := a.open(); err != nil {
			return err
		}
	}
	n, err := a.out.Write(append(line, '\n'))
	a.size += int64(n)
	return err
}

// Close closes the file.
func (a *Audit) Close() error { return a.out.Close() }

func short(s string) string {
	if len(s) > 200 {
		s = s[:200]
	}
	return s
}
