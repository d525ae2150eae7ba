package phone

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Keeper keeps small named texts. A phone app would put the device key into the
// system's key store and the rest into its private storage.
type Keeper interface {
	// Load answers fs.ErrNotExist for a name that was never saved.
	Load(name string) ([]byte, error)
	// Save replaces the whole text or nothing, and returns when it would survive a
	// power cut: an enrolment relies on the key being kept before it is certified.
	Save(name string, text []byte) error
	Remove(name string) error
	// List names what was saved and begins with prefix, in order.
	List(prefix string) ([]string, error)
}

// validName keeps names from the server (session ids) from being paths.
var validName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,120}$`)

type memory struct {
	mu    sync.Mutex
	texts map[string][]byte
}

// Memory is a Keeper that ends with the program.
func Memory() Keeper { return &memory{texts: map[string][]byte{}} }

func (m *memory) Load(name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.texts[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return t, nil
}

func (m *memory) Save(name string, text []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.texts[name] = bytes.Clone(text)
	return nil
}

func (m *memory) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.texts, name)
	return nil
}

func (m *memory) List(prefix string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for n := range m.texts {
		if strings.HasPrefix(n, prefix) {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names, nil
}

type directory string

// Directory is a Keeper with one file for each text, for its owner's eyes only.
func Directory(path string) (Keeper, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("the phone's directory cannot be made: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("others may look into %s, where the phone's keys lie; close it with: chmod 700 %s", path, path)
	}
	return directory(path), nil
}

func (d directory) file(name string) (string, error) {
	if !validName.MatchString(name) {
		return "", fmt.Errorf("%q cannot be kept under this name", name)
	}
	return filepath.Join(string(d), name+".json"), nil
}

func (d directory) Load(name string) ([]byte, error) {
	path, err := d.file(name)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

func (d directory) Save(name string, text []byte) error {
	path, err := d.file(name)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(string(d), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return err
	}
	return d.sync()
}

// sync makes a rename durable where the system can.
func (d directory) sync() error {
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, os.ErrInvalid) && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}

func (d directory) Remove(name string) error {
	path, err := d.file(name)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (d directory) List(prefix string) ([]string, error) {
	entries, err := os.ReadDir(string(d)) // in order of names
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if n, ok := strings.CutSuffix(e.Name(), ".json"); ok && strings.HasPrefix(n, prefix) && validName.MatchString(n) {
			names = append(names, n)
		}
	}
	return names, nil
}

// read takes a kept value; false means that there is none.
func (p *Phone) read(name string, v any) (bool, error) {
	text, err := p.keep.Load(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return false, fmt.Errorf("what the phone kept as %s cannot be read: %w", name, err)
	}
	return true, nil
}

func (p *Phone) write(name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return p.keep.Save(name, text)
}
