package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report is the result as JSON. The first block are the names that other programs read.
type report struct {
	FlowsPerSecond      float64 `json:"flows_per_second"`
	FloorFlowsPerSecond float64 `json:"floor_flows_per_second"`
	Ratio               float64 `json:"ratio"`
	FlowP50ms           float64 `json:"flow_p50_ms"`
	FlowP99ms           float64 `json:"flow_p99_ms"`
	ConfirmToEventP50ms float64 `json:"confirm_to_event_p50_ms"`
	ConfirmToEventP99ms float64 `json:"confirm_to_event_p99_ms"`
	Errors              int     `json:"errors"`
	ServerCPUs          float64 `json:"server_cpu_s"`
	ServerPeakRSSMiB    float64 `json:"server_peak_rss_mib"`

	Job         string         `json:"job"`
	Flows       int            `json:"flows"`
	Concurrency int            `json:"concurrency"`
	Signature   string         `json:"sig"`
	Revocation  string         `json:"revocation"`
	Rate        float64        `json:"rate,omitempty"` // 0: as fast as it goes
	Preloaded   int            `json:"preloaded,omitempty"`
	WallS       float64        `json:"wall_s"`
	ClientCPUs  float64        `json:"client_cpu_s"`
	StartupS    float64        `json:"server_startup_s,omitempty"`
	LateP99ms   float64        `json:"late_p99_ms,omitempty"` // open loop: behind the schedule
	Steps       []step         `json:"steps,omitempty"`
	Said        map[string]int `json:"error_texts,omitempty"`
	ListP50ms   float64        `json:"list_p50_ms,omitempty"`
	ListP99ms   float64        `json:"list_p99_ms,omitempty"`
	Idle        *idleLoad      `json:"idle,omitempty"`
	Floor       *floorOf       `json:"floor,omitempty"`
	Samples     []sample       `json:"samples,omitempty"`
	Machine     machine        `json:"machine"`

	noun string
}

type step struct {
	Name  string  `json:"name"`
	P50ms float64 `json:"p50_ms"`
	P99ms float64 `json:"p99_ms"`
}

type machine struct {
	Cores int    `json:"cores"`
	OS    string `json:"os"`
	Arch  string `json:"arch"`
	Go    string `json:"go"`
	At    string `json:"at"`
}

func here() machine {
	return machine{runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), time.Now().UTC().Format(time.RFC3339)}
}

// take fills in what a load has shown.
func (r *report) take(j *job, m *measured) {
	r.FlowsPerSecond, r.Errors, r.Said = round(m.perSecond(), 1), m.errors, m.said
	r.FlowP50ms, r.FlowP99ms = millis(m.flow.at(.5)), millis(m.flow.at(.99))
	r.ConfirmToEventP50ms, r.ConfirmToEventP99ms = millis(m.steps[j.event].at(.5)), millis(m.steps[j.event].at(.99))
	r.WallS, r.ServerCPUs, r.ClientCPUs = round(m.wall.Seconds(), 3), round(m.serverCPU.Seconds(), 2), round(m.clientCPU.Seconds(), 2)
	r.LateP99ms = millis(m.late.at(.99))
	for i, t := range m.steps {
		r.Steps = append(r.Steps, step{j.steps[i], millis(t.at(.5)), millis(t.at(.99))})
	}
	if len(m.said) == 0 {
		r.Said = nil
	}
}

func (r *report) takeFloor(f *floorOf) {
	r.Floor, r.FloorFlowsPerSecond = f, f.FlowsPerSecond
	if f.FlowsPerSecond > 0 {
		r.Ratio = round(r.FlowsPerSecond/f.FlowsPerSecond, 3)
	}
}

// print writes the report for a person.
func (r *report) print(out io.Writer) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(cells ...any) {
		texts := make([]string, len(cells))
		for i, c := range cells {
			texts[i] = fmt.Sprint(c)
		}
		fmt.Fprintln(t, strings.Join(texts, "\t"))
	}
	if r.Flows > 0 {
		fmt.Fprintf(out, "\n%d %s, %s, %d at once", r.Flows, r.noun, r.Signature, r.Concurrency)
		if r.Rate > 0 {
			fmt.Fprintf(out, " at most, %g a second", r.Rate)
		}
		if r.Revocation != noSource {
			fmt.Fprintf(out, ", revocation by %s", r.Revocation)
		}
		if r.Preloaded > 0 {
			fmt.Fprintf(out, ", %d bindings there before", r.Preloaded)
		}
		fmt.Fprint(out, "\n\n")
		row("step", "p50 ms", "p99 ms")
		for _, s := range r.Steps {
			row(s.Name, s.P50ms, s.P99ms)
		}
		row("whole flow", r.FlowP50ms, r.FlowP99ms)
		row("", "", "")
		row("flows a second", r.FlowsPerSecond, "")
		row("errors", r.Errors, "")
		row("server CPU s", r.ServerCPUs, "")
		row("server peak MiB", r.ServerPeakRSSMiB, "")
		row("client CPU s", r.ClientCPUs, "")
		row("wall s", r.WallS, "")
	}
	if r.StartupS > 0 {
		row("server start-up s", r.StartupS, "")
	}
	if r.ListP99ms > 0 {
		row("list of 20, p50 and p99 ms", r.ListP50ms, r.ListP99ms)
	}
	t.Flush()
	texts := make([]string, 0, len(r.Said))
	for text := range r.Said {
		texts = append(texts, text)
	}
	slices.Sort(texts)
	for _, text := range texts {
		fmt.Fprintf(out, "  %6d × %s\n", r.Said[text], text)
	}
	printSamples(out, r.Samples)
	if r.Idle != nil {
		fmt.Fprintf(out, "\n%d open portals, %.1f codes a second in all, %d streams lost:\n  %.3f core and %.1f MiB above idle (%.3f core, %.1f MiB)\n",
			r.Idle.Portals, r.Idle.FramesPerSecond, r.Idle.Lost, r.Idle.ServerCores, r.Idle.RSSMiB, r.Idle.BaseCores, r.Idle.BaseRSSMiB)
	}
	if r.Floor != nil {
		r.Floor.print(out)
		if r.Flows > 0 && r.Rate == 0 {
			fmt.Fprintf(out, "\nratio %.3f of the floor\n", r.Ratio)
		}
	}
}

func (f *floorOf) print(out io.Writer) {
	fmt.Fprint(out, "\nThe floor: this machine, both sides on its cores, doing nothing but\n\n")
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "in a flow\t CPU µs each\t together\t  \t")
	for _, p := range f.Parts {
		fmt.Fprintf(t, "%d\t %.1f\t %.1f\t  %s\t\n", p.Count, p.CPUus, float64(p.Count)*p.CPUus, p.Name)
	}
	fmt.Fprintf(t, "\t\t %.1f\t  a flow\t\n", f.CPUusPerFlow)
	t.Flush()
	fmt.Fprintf(out, "\nfloor = %s\n      = %.0f flows/s\n", f.Formula, f.FlowsPerSecond)
}

func (r *report) save(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}
