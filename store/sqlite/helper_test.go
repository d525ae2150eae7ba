package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"certlink/store"
)

// Some tests need a process of their own, to kill it or to watch it: the test
// program starts itself again as one of these helpers.
const helperEnv = "CERTLINK_SQLITE_HELPER"

func TestMain(m *testing.M) {
	helper, dir, _ := strings.Cut(os.Getenv(helperEnv), " ")
	if helper == "" {
		os.Exit(m.Run())
	}
	err := map[string]func(string) error{"write": writeForever, "acknowledge": acknowledge, "full": fullDisk, "hold": hold}[helper](dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// helper starts a helper on a data directory, under a command if one is named.
func helper(t *testing.T, name, dir string, under ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := append(under, self)
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Env = append(os.Environ(), helperEnv+"="+name+" "+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	return cmd, bufio.NewScanner(out)
}

// withFoldAt has the journal folded at another size.
func withFoldAt(bytes int64) Option { return func(db *DB) { db.foldBytes = bytes } }

var helperSchema = []store.Collection{{Name: "things", Feed: true, Indexes: []store.Index{{Name: "owner"}, {Name: "slot", Unique: true}}}}

// writeForever creates and replaces, and says so after each answer.
func writeForever(dir string) error {
	db, err := Open(context.Background(), dir, helperSchema, withFoldAt(32<<10))
	if err != nil {
		return err
	}
	var mu sync.Mutex
	for g := range 8 {
		go func() {
			for i := 0; ; i++ {
				d := store.Doc{ID: fmt.Sprintf("%d-%d-%d", os.Getpid(), g, i), Body: []byte(`{"rev":1}`)}
				d.Index = map[string]string{"owner": fmt.Sprint(g), "slot": d.ID}
				err := db.Create(context.Background(), "things", d)
				for d.Rev = 1; err == nil && d.Rev <= 3; d.Rev++ {
					mu.Lock()
					fmt.Println(d.ID, d.Rev) // one write to the pipe, unbuffered
					mu.Unlock()
					d.Body = fmt.Appendf(nil, `{"rev":%d}`, d.Rev+1)
					err = db.Replace(context.Background(), "things", d)
				}
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
			}
		}()
	}
	select {}
}

// acknowledge writes one document after the other.
func acknowledge(dir string) error {
	db, err := Open(context.Background(), dir, helperSchema)
	if err != nil {
		return err
	}
	fmt.Println("open")
	for i := range 20 {
		if err := db.Create(context.Background(), "things", store.Doc{ID: fmt.Sprint(i), Body: []byte(`{}`)}); err != nil {
			return err
		}
		fmt.Println("acknowledged", i)
	}
	return db.Close()
}

// hold keeps the directory until it is told to end.
func hold(dir string) error {
	db, err := Open(context.Background(), dir, helperSchema)
	if err != nil {
		return err
	}
	fmt.Println("open")
	bufio.NewReader(os.Stdin).ReadByte()
	return db.Close()
}

// fullDisk limits the size of its files, as a full disk would, meets the limit,
// and then has it lifted.
func fullDisk(dir string) error {
	db, err := Open(context.Background(), dir, helperSchema, WithCache(0))
	if err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ) // so that writing answers EFBIG
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		return err
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 300_000, Max: was.Max}); err != nil {
		return err
	}
	ctx := context.Background()
	thing := func(i int) store.Doc {
		return store.Doc{ID: fmt.Sprint(i), Body: []byte(`"` + strings.Repeat("x", 2000) + `"`)}
	}
	written := 0
	for ; err == nil; written++ {
		if err = db.Create(ctx, "things", thing(written)); written > 1000 {
			return errors.New("the limit was never met")
		}
	}
	written--
	if !errors.Is(err, store.ErrUnavailable) {
		return fmt.Errorf("writing to a full disk: %w", err)
	}
	// A ping writes so little that there may still be room for some of them.
	for i := 0; err == nil || i == 0; i++ {
		db.writer.proven = time.Time{} // nothing is under way: this is no race
		if err = db.Ping(ctx); i > 1000 {
			return errors.New("ping never met the limit")
		}
	}
	if !errors.Is(err, store.ErrUnavailable) {
		return fmt.Errorf("ping on a full disk: %w", err)
	}
	for i := range written {
		if _, err := db.Get(ctx, "things", fmt.Sprint(i)); err != nil {
			return fmt.Errorf("reading from a full disk: %w", err)
		}
	}
	if _, err := db.Get(ctx, "things", fmt.Sprint(written)); !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("a refused document: %w", err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		return err
	}
	if err := db.Ping(ctx); err != nil {
		return fmt.Errorf("ping after there is room again: %w", err)
	}
	if err := db.Create(ctx, "things", thing(written)); err != nil {
		return fmt.Errorf("writing after there is room again: %w", err)
	}
	changes, _, err := db.Changes(ctx, "0", 1000)
	if err != nil || len(changes) != written+1 {
		return fmt.Errorf("%d changes were told of %d: %w", len(changes), written+1, err)
	}
	fmt.Println("met the limit after", written)
	return db.Close()
}
