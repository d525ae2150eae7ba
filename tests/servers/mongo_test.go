package servers

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"certlink/program"
	"certlink/program/programtest"
	"certlink/store"
	"certlink/store/mongo"
)

// standIn is the program in store/mongo/standin, built once.
var standIn = sync.OnceValues(func() (path string, err error) {
	dir, err := os.MkdirTemp("", "standin-*")
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, "standin")
	build := exec.Command("go", "build", "-o", path, ".")
	build.Dir, build.Env = "../../store/mongo/standin", append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the stand-in for MongoDB: %w: %s", err, out)
	}
	return path, nil
})

// mongoTurn is held by the test that has a MongoDB: two stand-ins at work at once leave
// servers on two cores without an answer for too long.
var mongoTurn sync.Mutex

// mongoURI is the MongoDB of a test: the replica set that MONGODB_URI names, or else a
// stand-in of the test's own, which goes with it.
func mongoURI(t *testing.T) string {
	t.Helper()
	if uri := os.Getenv("MONGODB_URI"); uri != "" {
		return uri
	}
	mongoTurn.Lock()
	t.Cleanup(mongoTurn.Unlock)
	path, err := standIn()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path)
	cmd.Dir, cmd.Stderr = t.TempDir(), os.Stderr
	in, err := cmd.StdinPipe() // it ends when this is closed
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// newMongo is a database with the demo people in it, which goes with the test.
func newMongo(t *testing.T) (uri, database string) {
	t.Helper()
	uri = mongoURI(t)
	database = newDatabase(t, uri)
	db := openMongo(t, uri, database)
	defer db.Close()
	programtest.Seed(t, db)
	return uri, database
}

func openMongo(t *testing.T, uri, database string) store.Store {
	t.Helper()
	db, err := mongo.Open(context.Background(), uri, database, program.Schema())
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// newDatabase names a database that goes with the test.
func newDatabase(t *testing.T, uri string) string {
	t.Helper()
	name := "certlink_test_" + strings.ToLower(rand.Text()[:12])
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		client, err := driver.Connect(options.Client().ApplyURI(uri))
		if err == nil {
			err = client.Database(name).Drop(ctx)
			client.Disconnect(ctx)
		}
		if err != nil {
			t.Errorf("the database %s is left behind: %v", name, err)
		}
	})
	return name
}

// engines runs a test on both engines, at the same time. opener opens the store for one
// more server.
func engines(t *testing.T, test func(t *testing.T, opener func() store.Store)) {
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, embedded(t))
	})
	t.Run("mongo", func(t *testing.T) {
		t.Parallel()
		uri, database := newMongo(t)
		test(t, func() store.Store { return openMongo(t, uri, database) })
	})
}

// embedded is the engine of one process: its servers share what is opened.
func embedded(t *testing.T) func() store.Store {
	t.Helper()
	db := programtest.DemoStore(t)
	return func() store.Store { return shared{db} }
}
