// The standin program stands in for a MongoDB server in the tests of
// certlink/store/mongo, where there is none. It is FerretDB in this process, on
// 127.0.0.1: real wire protocol, real driver.
//
// It prints the URI to connect to and ends when its standard input does. What
// it lacks, compared with a replica set, is listed in README.md beside it.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/signal"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal("standin: ", err)
	}
}

func run(ctx context.Context) error {
	// Not in memory: there FerretDB has one connection to SQLite, and an update,
	// which reads and writes at once, waits for itself.
	dir, err := os.MkdirTemp("", "standin-data")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	db, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: "127.0.0.1:0"},
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
		Handler:   "sqlite",
		SQLiteURL: "file:" + dir + "/",
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- db.Run(ctx) }()
	server, err := url.Parse(db.MongoDBURI())
	if err != nil {
		cancel()
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		cancel()
		return err
	}
	go serve(l, server.Host)
	fmt.Printf("mongodb://%s/\n", l.Addr())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	return <-ended
}
