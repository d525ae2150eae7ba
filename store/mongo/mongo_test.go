package mongo

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"certlink/store"
	"certlink/store/storetest"
)

// uri names the server of the tests: MONGODB_URI, or else the stand-in, which
// lacks what standin/README.md lists. The tests are the same on both.
var uri = os.Getenv("MONGODB_URI")

func TestMain(m *testing.M) {
	stop := func() {}
	if uri == "" {
		var err error
		if stop, err = standIn(); err != nil {
			fmt.Fprintln(os.Stderr, "the stand-in for MongoDB cannot be started:", err)
			fmt.Fprintln(os.Stderr, "it is a Go module of its own in store/mongo/standin; or name a replica set in MONGODB_URI")
			os.Exit(1)
		}
	}
	code := m.Run()
	stop()
	os.Exit(code)
}

// standIn builds and starts the stand-in, which ends when its input does.
func standIn() (stop func(), err error) {
	dir, err := os.MkdirTemp("", "standin")
	if err != nil {
		return nil, err
	}
	program := filepath.Join(dir, "standin")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = "standin"
	build.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	cmd := exec.Command(program)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, err
	}
	uri = strings.TrimSpace(line)
	return func() {
		in.Close()
		cmd.Wait()
		os.RemoveAll(dir)
	}, nil
}

// database names a new database, which is removed at the test's end.
func database(t testing.TB) string {
	name := "certlink_test_" + strings.ToLower(rand.Text()[:12])
	t.Cleanup(func() {
		db, err := Open(context.Background(), uri, name, nil)
		if err == nil {
			err = db.db.Drop(context.Background())
			db.Close()
		}
		if err != nil {
			t.Errorf("the test's database %s could not be removed: %v", name, err)
		}
	})
	return name
}

func open(t testing.TB, name string, schema []store.Collection, opts ...Option) *DB {
	t.Helper()
	db, err := Open(t.Context(), uri, name, schema, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T, schema []store.Collection) store.Store { return open(t, database(t), schema) })
}

func TestServers(t *testing.T) {
	storetest.RunServers(t, func(t *testing.T, schema []store.Collection, n int) (servers []store.Store) {
		name := database(t)
		for range n {
			servers = append(servers, open(t, name, schema))
		}
		return servers
	})
}

var testSchema = []store.Collection{{Name: "things", Feed: true, Indexes: []store.Index{{Name: "owner"}, {Name: "slot", Unique: true}}}}

func doc(id string) store.Doc { return store.Doc{ID: id, Body: []byte(`{}`)} }

// within is a context with a short deadline.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
