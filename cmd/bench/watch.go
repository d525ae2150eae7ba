package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// sample is how the server stands at one moment of a long load.
type sample struct {
	S          float64 `json:"s"` // since the clock started
	RSSMiB     float64 `json:"rss_mib"`
	HeapMiB    float64 `json:"heap_mib"` // in use, with what has become garbage since the last collection
	Goroutines int     `json:"goroutines"`
	Files      int     `json:"open_files"`
}

// watch takes samples until ctx ends.
func (s *server) watch(ctx context.Context, every time.Duration) (out []sample, err error) {
	begun := time.Now()
	for {
		if sleep(ctx, every) != nil {
			return out, nil
		}
		one, err := s.sample(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return out, nil
			}
			return out, err
		}
		one.S = round(time.Since(begun).Seconds(), 0)
		out = append(out, one)
	}
}

func (s *server) sample(ctx context.Context) (one sample, err error) {
	rss, _, err := memoryOf(s.pid)
	if err != nil {
		return one, err
	}
	one.RSSMiB = round(mib(rss), 1)
	if one.Files, err = filesOf(s.pid); err != nil {
		return one, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/metrics", nil)
	if err != nil {
		return one, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return one, err
	}
	defer resp.Body.Close()
	values := gauges(resp.Body)
	one.Goroutines, one.HeapMiB = int(values["go_goroutines"]), round(values["go_memstats_heap_alloc_bytes"]/(1<<20), 1)
	if one.Goroutines == 0 {
		return one, fmt.Errorf("/metrics does not tell the goroutines")
	}
	return one, nil
}

// gauges reads the values without labels of a page of metrics.
func gauges(page io.Reader) map[string]float64 {
	out := map[string]float64{}
	for lines := bufio.NewScanner(page); lines.Scan(); {
		name, value, ok := strings.Cut(lines.Text(), " ")
		if v, err := strconv.ParseFloat(value, 64); ok && err == nil && !strings.Contains(name, "{") {
			out[name] = v
		}
	}
	return out
}

// printSamples shows the medians of the second sixth and of the last: what grows, grows
// between them. The first sixth is left out, in which caches fill.
func printSamples(out io.Writer, all []sample) {
	sixth := len(all) / 6
	if sixth == 0 {
		return
	}
	early, late := all[sixth:2*sixth], all[len(all)-sixth:]
	fmt.Fprintf(out, "\nthe server over %.0f s, %d samples\n\n", all[len(all)-1].S, len(all))
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\tsecond sixth\tlast sixth\thighest")
	for _, m := range []struct {
		name string
		of   func(sample) float64
	}{
		{"resident MiB", func(s sample) float64 { return s.RSSMiB }},
		{"heap MiB", func(s sample) float64 { return s.HeapMiB }},
		{"goroutines", func(s sample) float64 { return float64(s.Goroutines) }},
		{"open files", func(s sample) float64 { return float64(s.Files) }},
	} {
		values := func(of []sample) (v []float64) {
			for _, s := range of {
				v = append(v, m.of(s))
			}
			slices.Sort(v)
			return v
		}
		median := func(of []sample) float64 { v := values(of); return v[len(v)/2] }
		every := values(all)
		fmt.Fprintf(t, "%s\t%g\t%g\t%g\n", m.name, median(early), median(late), every[len(every)-1])
	}
	t.Flush()
}
