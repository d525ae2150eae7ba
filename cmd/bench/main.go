// Command bench measures whole bind flows against a running server over loopback, and
// in the same run what their inherent work costs on the machine, so that the result
// can be quoted as a ratio. See docs/performance.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"certlink/trust"
)

type options struct {
	flows, concurrency, idle, preload, warm, lists int
	job, sig, revocation                           string
	rate                                           float64
	json                                           string
	url, world, server, data, serve                string
	pid                                            int
	watch                                          time.Duration
	measures                                       *job // what job names
	prepare, noFloor                               bool
}

func main() {
	if os.Getenv(emptyServer) != "" {
		if err := serveEmpty(); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	var o options
	flag.StringVar(&o.job, "job", bindJob.name, "the kind of flow: bind or issue; reminders or push for what leaves the house")
	flag.IntVar(&o.flows, "flows", 10000, "flows to measure; 0 for none")
	flag.IntVar(&o.concurrency, "concurrency", 64, "flows at once (with -rate: at most)")
	flag.StringVar(&o.sig, "sig", "ES256", "signature of the statements: ES256, RS256 or SM2SM3")
	flag.StringVar(&o.revocation, "revocation", noSource, "what the server asks about each certificate: none, crl or ocsp")
	flag.Float64Var(&o.rate, "rate", 0, "begin this many flows a second, steadily, instead of as many as possible")
	flag.IntVar(&o.idle, "idle", 0, "then open this many portals that nobody scans, and measure the server above idle")
	flag.IntVar(&o.preload, "preload", 0, "load this many bindings before the server starts")
	flag.IntVar(&o.lists, "lists", 0, "then read this many pages of 20 bindings (default 500 with -preload)")
	flag.IntVar(&o.warm, "warm", -1, "flows before the clock starts (default a tenth, at most 1000)")
	flag.StringVar(&o.json, "json", "", "write the report to this file as JSON")
	flag.StringVar(&o.url, "url", "", "measure this server instead of starting one; it must have been started with the files of -world")
	flag.IntVar(&o.pid, "pid", 0, "with -url: its process, for CPU and memory")
	flag.StringVar(&o.world, "world", "", "directory of the benchmark's authority and identity service (default: a new one)")
	flag.BoolVar(&o.prepare, "prepare", false, "make the files of -world, say how to start a server with them, and end")
	flag.StringVar(&o.server, "server", "", "certlink binary to start (default: built from this module)")
	flag.StringVar(&o.data, "data", "", "data directory of the server that is started (default: a new one, removed at the end)")
	flag.StringVar(&o.serve, "serve", "", "further flags for the server that is started")
	flag.DurationVar(&o.watch, "watch", 0, "look at the server's memory, goroutines and open files this often during the flows")
	flag.BoolVar(&o.noFloor, "nofloor", false, "do not measure unit costs")
	figures := flag.Bool("figures", false, "make every run of docs/performance.md, one after the other, and print its table")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if *figures {
		if err := o.figures(ctx, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	if slices.Contains(drains, o.job) {
		if err := o.drain(ctx, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	r, err := o.run(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	if r == nil {
		return
	}
	r.print(os.Stdout)
	if o.json != "" {
		if err := r.save(o.json); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
	}
	if r.Errors > 0 {
		os.Exit(1)
	}
}

func (o *options) check() error {
	var errs []error
	j, err := jobNamed(o.job)
	if err != nil {
		errs = append(errs, err)
	}
	o.measures = j
	if alg := trust.Algorithm(o.sig); alg != trust.ES256 && alg != trust.RS256 && alg != trust.SM2SM3 {
		errs = append(errs, fmt.Errorf("-sig %s: there are ES256, RS256 and SM2SM3", o.sig))
	}
	if o.flows < 0 || o.idle < 0 || o.preload < 0 || o.rate < 0 || o.concurrency < 1 || o.concurrency > 4096 {
		errs = append(errs, errors.New("numbers must not be negative, and -concurrency lies between 1 and 4096"))
	}
	if !slices.Contains(sources, o.revocation) {
		errs = append(errs, fmt.Errorf("-revocation %s: there are %s", o.revocation, strings.Join(sources, ", ")))
	}
	if o.url != "" && o.world == "" {
		errs = append(errs, errors.New("-url needs -world, the files that the server was started with; make them with -prepare"))
	}
	if o.url != "" && (o.preload > 0 || o.data != "" || o.server != "" || o.serve != "") {
		errs = append(errs, errors.New("-preload, -data, -server and -serve are for a server that is started here, not for -url"))
	}
	if o.prepare && o.world == "" {
		errs = append(errs, errors.New("-prepare needs -world, the directory to make"))
	}
	if len(flag.Args()) > 0 {
		errs = append(errs, fmt.Errorf("%q is not understood", flag.Args()))
	}
	if o.warm < 0 {
		o.warm = min(o.flows/10, 1000)
	}
	if o.flows == 0 {
		o.warm = 0
	}
	if o.lists == 0 && o.preload > 0 {
		o.lists = 500
	}
	return errors.Join(errs...)
}

func (o *options) run(ctx context.Context) (*report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "certlink-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if o.world == "" {
		o.world = filepath.Join(dir, "world")
	} else if o.world, err = filepath.Abs(o.world); err != nil {
		return nil, err
	}
	say("making the authority and the identity service")
	w, err := openWorld(o.world, trust.Algorithm(o.sig), o.revocation)
	if err != nil {
		return nil, err
	}
	defer w.close()
	if o.prepare {
		fmt.Printf("Start the server with\n\n  CERTLINK_CATALOGUE=%s CERTLINK_ISSUERS=%s CERTLINK_REVOCATION_PRIVATE=127.0.0.1 CERTLINK_STARTS_PER_MINUTE=100000000 CERTLINK_REQUESTS_PER_SECOND=100000000\n\nand then measure it with\n\n  bench -world %s -url http://…  [-pid N]\n",
			filepath.Join(o.world, "catalogue.json"), filepath.Join(o.world, "issuers.json"), o.world)
		return nil, nil
	}
	r := &report{Job: o.job, noun: o.measures.noun, Flows: o.flows, Concurrency: o.concurrency, Revocation: o.revocation, Signature: o.sig, Rate: o.rate, Preloaded: o.preload, Machine: here()}
	s, err := o.open(ctx, dir, w)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	r.StartupS = round(s.startup.Seconds(), 3)
	if err := o.measure(ctx, dir, w, s, r); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, s.tail())
	}
	return r, nil
}

// open starts the server, or finds the one that runs.
func (o *options) open(ctx context.Context, dir string, w *world) (*server, error) {
	if o.url != "" {
		return at(ctx, o.url, o.pid)
	}
	if o.server == "" {
		say("building the server")
		var err error
		if o.server, err = build(ctx, dir); err != nil {
			return nil, err
		}
	}
	if o.data == "" {
		o.data = filepath.Join(dir, "data")
	}
	if o.preload > 0 {
		say("loading %d bindings", o.preload)
		if err := preload(ctx, o.data, w, o.preload); err != nil {
			return nil, fmt.Errorf("loading bindings: %w", err)
		}
	}
	say("starting the server")
	return start(ctx, o.server, o.data, filepath.Join(dir, "server.log"), w, append(slices.Clone(o.measures.serve), strings.Fields(o.serve)...))
}

func (o *options) measure(ctx context.Context, dir string, w *world, s *server, r *report) error {
	p, err := newPeople(o.measures, w, s, o.concurrency)
	if err != nil {
		return err
	}
	defer p.close()
	bound := o.warm + o.flows // the first people; those after them only open portals
	n := bound + (o.idle+portalsEach-1)/portalsEach
	say("making %d accounts and certificates, and %d phones", n, p.phonesFor(n))
	if err := p.make(ctx, strconv.FormatInt(time.Now().UnixMilli(), 36), n); err != nil {
		return err
	}
	var floor *floorOf
	if !o.noFloor && o.flows > 0 {
		say("measuring what the parts cost")
		u, err := measureUnits(ctx, w, dir, o.concurrency)
		if err != nil {
			return err
		}
		floor = floorFrom(o.measures, u)
	}
	if o.flows > 0 {
		say("%d flows to warm up, then %d", o.warm, o.flows)
		if m := p.closed(ctx, 0, o.warm); m.errors > 0 {
			return fmt.Errorf("warming up: %d of %d flows failed: %v", m.errors, o.warm, m.said)
		}
		watching, end := context.WithCancel(ctx)
		defer end()
		watched := make(chan error, 1)
		if o.watch > 0 {
			go func() {
				var err error
				r.Samples, err = s.watch(watching, o.watch)
				watched <- err
			}()
		}
		var m *measured
		if o.rate > 0 {
			m = p.open(ctx, o.warm, o.warm+o.flows, o.rate)
		} else {
			m = p.closed(ctx, o.warm, o.warm+o.flows)
		}
		if end(); o.watch > 0 {
			if err := <-watched; err != nil {
				return fmt.Errorf("watching the server: %w", err)
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.take(o.measures, m)
	}
	if floor != nil {
		r.takeFloor(floor)
	}
	if o.lists > 0 {
		say("reading %d pages of the list", o.lists)
		t, err := p.lists(ctx, o.lists)
		if err != nil {
			return err
		}
		r.ListP50ms, r.ListP99ms = millis(t.at(.5)), millis(t.at(.99))
	}
	if o.idle > 0 {
		say("opening %d portals", o.idle)
		if r.Idle, err = p.idle(ctx, bound, o.idle); err != nil {
			return err
		}
	}
	if s.pid != 0 {
		_, peak, err := memoryOf(s.pid)
		if err != nil {
			return err
		}
		r.ServerPeakRSSMiB = round(mib(peak), 1)
	}
	return nil
}

// say tells on standard error what is going on; standard output has the result only.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "· "+format+"\n", args...) }
