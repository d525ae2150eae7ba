package bridge

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"certlink/internal/id"
)

// Pair is one browser's permission. The page keeps a secret, so that neither another
// program of this machine nor another person signed in to it passes for the page by
// naming its origin.
type Pair struct {
	Origin string    `json:"origin"`
	Hash   string    `json:"hash"`
	At     time.Time `json:"at"`
}

// maxPairs is how many browsers of one origin stay paired; the oldest goes.
const maxPairs = 8

// Pairs is the file of all permissions.
type Pairs struct {
	mu   sync.Mutex
	file string
	list []Pair
}

// OpenPairs reads the file.
func OpenPairs(file string) (*Pairs, error) {
	p := &Pairs{file: file}
	raw, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	return p, json.Unmarshal(raw, &p.list)
}

// Known says whether the secret was given to a page of the origin.
func (p *Pairs) Known(origin, secret string) bool {
	if secret == "" {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	hash, known := id.Hash(secret), false
	for _, one := range p.list {
		if one.Origin == origin && subtle.ConstantTimeCompare([]byte(one.Hash), []byte(hash)) == 1 {
			known = true
		}
	}
	return known
}

// Add makes a permission and gives the secret, once.
func (p *Pairs) Add(origin string, at time.Time) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	secret := id.Secret(32)
	list := append(append([]Pair{}, p.list...), Pair{origin, id.Hash(secret), at})
	n := 0
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Origin != origin {
			continue
		}
		if n++; n > maxPairs {
			list = append(list[:i], list[i+1:]...)
		}
	}
	return secret, p.write(list)
}

// Remove takes back all of an origin's permissions.
func (p *Pairs) Remove(origin string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []Pair
	for _, one := range p.list {
		if one.Origin != origin {
			list = append(list, one)
		}
	}
	return p.write(list)
}

func (p *Pairs) write(list []Pair) error {
	raw, err := json.Marshal(list)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(p.file), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(p.file+".new", raw, 0o600); err != nil {
		return err
	}
	if err := os.Rename(p.file+".new", p.file); err != nil {
		return err
	}
	p.list = list
	return nil
}
