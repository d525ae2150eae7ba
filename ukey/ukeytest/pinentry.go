package ukeytest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Pinentry is a person at the desktop: a program that speaks as pinentry does and
// answers from a list. The bridge runs it because the configuration names it, as it
// would run the real one; there is nothing in the bridge for tests.
type Pinentry struct {
	Path string
	t    testing.TB
}

// NewPinentry builds it.
func NewPinentry(t testing.TB) *Pinentry {
	t.Helper()
	p := &Pinentry{Path: filepath.Join(t.TempDir(), "pinentry"), t: t}
	out, err := exec.Command("go", "build", "-o", p.Path, "certlink/ukey/ukeytest/pinentry").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return p
}

// Answer is what the person does at one window.
type Answer struct {
	PIN     string `json:"pin,omitempty"`
	Yes     bool   `json:"yes,omitempty"`
	Cancel  bool   `json:"cancel,omitempty"`
	Forever bool   `json:"forever,omitempty"` // leaves the window open
}

// Will puts answers at the end of the list.
func (p *Pinentry) Will(answers ...Answer) {
	p.t.Helper()
	for _, a := range answers {
		raw, err := json.Marshal(a)
		if err != nil {
			p.t.Fatal(err)
		}
		f, err := os.CreateTemp(filepath.Dir(p.Path), "answer-")
		if err != nil {
			p.t.Fatal(err)
		}
		f.Write(raw)
		f.Close()
		name := filepath.Join(filepath.Dir(p.Path), time.Now().Format("20060102150405.000000000")+".answer")
		if err := os.Rename(f.Name(), name); err != nil {
			p.t.Fatal(err)
		}
	}
}

// Windows are the texts of the windows so far, each with its title, text and mistake.
func (p *Pinentry) Windows() []string {
	raw, err := os.ReadFile(p.Path + ".windows")
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(raw), "\x00"), "\x00")
}

// Await waits until n windows have been opened.
func (p *Pinentry) Await(n int) {
	p.t.Helper()
	for range 1500 {
		if len(p.Windows()) >= n {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	p.t.Fatalf("only %d of %d windows were opened: %q", len(p.Windows()), n, p.Windows())
}

// Gone waits until no window is open any more. Only Linux closes those of a bridge that
// was killed.
func (p *Pinentry) Gone() {
	p.t.Helper()
	for range 1500 {
		open := 0
		all, _ := filepath.Glob("/proc/[0-9]*/exe")
		for _, exe := range all {
			if path, err := os.Readlink(exe); err == nil && path == p.Path {
				open++
			}
		}
		if open == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	p.t.Fatal("a window is left open")
}
