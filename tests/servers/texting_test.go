package servers

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// texting is a gateway for short messages that keeps what each number is told.
type texting struct {
	url             string
	taken, repeated atomic.Int64
	mu              sync.Mutex
	told            map[string]map[string]string // number → id → text
}

func newTexting(t *testing.T) *texting {
	g := &texting{told: map[string]map[string]string{}}
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m struct{ ID, To, Text string }
		if json.NewDecoder(r.Body).Decode(&m) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond) // so that kills meet it
		g.mu.Lock()
		defer g.mu.Unlock()
		g.taken.Add(1)
		if g.told[m.To] == nil {
			g.told[m.To] = map[string]string{}
		}
		if g.told[m.To][m.ID] != "" {
			g.repeated.Add(1)
		}
		g.told[m.To][m.ID] = m.Text
	}))
	t.Cleanup(h.Close)
	g.url = h.URL
	return g
}

// secret is a file with what the gateway is called under.
func (g *texting) secret(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "gateway.secret")
	if err := os.WriteFile(file, []byte("0123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func (g *texting) settings(t *testing.T) []string {
	// Never quiet, whenever the test runs.
	return []string{"CERTLINK_SMS_GATEWAY=" + g.url, "CERTLINK_GATEWAY_SECRET_FILE=" + g.secret(t), "CERTLINK_QUIET_FROM=0", "CERTLINK_QUIET_TO=0"}
}

// texts are what a number was told, each message once.
func (g *texting) texts(number string) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Collect(maps.Values(g.told[number]))
}
