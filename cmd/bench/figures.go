package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// figure is a row of the table of docs/performance.md: the median of some runs.
type figure struct {
	name  string
	times int
	with  func(o *options)
}

// table is every run that the figures are quoted from.
func table(flows int) []figure {
	sig := func(name string) func(o *options) { return func(o *options) { o.sig = name } }
	return []figure{
		{"ES256, 64 at once", 5, sig("ES256")},
		{"SM2SM3, 64 at once", 5, sig("SM2SM3")},
		{"RS256, 64 at once", 1, sig("RS256")},
		{"ES256, revocation by list", 3, func(o *options) { o.revocation = listSource }},
		{"ES256, revocation asked", 3, func(o *options) { o.revocation = askSource }},
		{"ES256, 200 a second", 3, func(o *options) { o.rate, o.flows = 200, min(flows, 4000) }},
		{"ES256, 1,000 bindings there before", 3, func(o *options) { o.preload, o.lists = min(flows, 1000), 500 }},
		{"ES256, 1,000,000 bindings there before", 1, func(o *options) { o.preload, o.lists = 100*flows, 500 }},
		{"2,000 open portals", 1, func(o *options) { o.flows, o.warm, o.idle = 0, 0, min(flows/5, 2000) }},
	}
}

// figures makes the runs and prints the table as Markdown. With 10,000 flows, as by
// default, that takes about half an hour on two cores.
func (o *options) figures(ctx context.Context, out io.Writer) error {
	dir, err := os.MkdirTemp("", "certlink-figures-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if o.server == "" {
		if o.server, err = build(ctx, dir); err != nil {
			return err
		}
	}
	fmt.Fprintln(out, "| | flows/s | floor | ratio | flow p50 / p99 ms | confirm to event p50 / p99 ms | CPU ms a flow, server + client | peak MiB | errors |")
	fmt.Fprintln(out, "|---|---|---|---|---|---|---|---|---|")
	var notes []string
	for n, f := range table(o.flows) {
		var runs []*report
		for i := range f.times {
			one := *o
			one.json, one.warm = "", -1
			one.world, one.data = filepath.Join(dir, fmt.Sprint("world", n, i)), filepath.Join(dir, fmt.Sprint("data", n, i))
			f.with(&one)
			say("%s, run %d of %d", f.name, i+1, f.times)
			r, err := one.run(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
			runs = append(runs, r)
			if err := os.RemoveAll(one.data); err != nil {
				return err
			}
		}
		slices.SortFunc(runs, func(a, b *report) int { return cmp.Compare(a.FlowsPerSecond, b.FlowsPerSecond) })
		r := runs[len(runs)/2]
		r.row(out, f.name)
		if r.ListP99ms > 0 {
			notes = append(notes, fmt.Sprintf("%s: start-up %.2f s, a page of 20 rows %.1f / %.1f ms (p50 / p99).", f.name, r.StartupS, r.ListP50ms, r.ListP99ms))
		}
		if r.Idle != nil {
			notes = append(notes, fmt.Sprintf("%d open portals: %.3f core and %.0f MiB above idle, %.0f codes a second, %d streams lost.",
				r.Idle.Portals, r.Idle.ServerCores, r.Idle.RSSMiB, r.Idle.FramesPerSecond, r.Idle.Lost))
		}
	}
	for _, n := range notes {
		fmt.Fprintf(out, "\n%s\n", n)
	}
	return nil
}

func (r *report) row(out io.Writer, name string) {
	if r.Flows == 0 {
		return
	}
	each := func(s float64) float64 { return 1000 * s / float64(r.Flows) }
	floor, ratio := fmt.Sprintf("%.0f", r.FloorFlowsPerSecond), fmt.Sprintf("%.2f", r.Ratio)
	if r.Rate > 0 || r.FloorFlowsPerSecond == 0 {
		floor, ratio = "", "" // the rate was given
	}
	fmt.Fprintf(out, "| %s | %.0f | %s | %s | %.1f / %.1f | %.1f / %.1f | %.2f + %.2f | %.0f | %d |\n", name, r.FlowsPerSecond, floor, ratio,
		r.FlowP50ms, r.FlowP99ms, r.ConfirmToEventP50ms, r.ConfirmToEventP99ms, each(r.ServerCPUs), each(r.ClientCPUs), r.ServerPeakRSSMiB, r.Errors)
}
