package main

import (
	"fmt"
	"runtime"
	"strings"
	"time"
)

// part is one kind of work that a flow inherently needs, whoever does it.
type part struct {
	Name  string  `json:"name"`
	Count int     `json:"count"`  // in one flow
	CPUus float64 `json:"cpu_us"` // of both sides, for one
	Why   string  `json:"why"`
}

// floorOf is what the machine could do at best.
type floorOf struct {
	Cores           int     `json:"cores"`
	Parts           []part  `json:"parts"`
	CPUusPerFlow    float64 `json:"cpu_us_per_flow"`
	AppendsPerSec   float64 `json:"appends_per_second"`
	FlowsPerSecond  float64 `json:"flows_per_second"`
	Formula         string  `json:"formula"`
	AppendsPerFlow  int     `json:"appends_per_flow"`
	LimitedByAppend bool    `json:"limited_by_append"`
}

// bindAppends are the writes that must survive a power cut before somebody is
// answered: the session begun; claimed by one phone; the signature accepted, which is
// the evidence too; the binding; the session's end. What a server writes besides
// (a copy of the evidence, the audit log, its queues) is its own affair.
const bindAppends = 5

// bindParts count the work of one bind flow as the protocol prescribes it, and nothing
// else: no routing, no JSON, no lookups, no checks that cost no cryptography.
func bindParts(u *units) []part {
	return []part{
		{"empty HTTP round trip", 5, us(u.roundTrip), "start, event stream, scan, confirm, binding read"},
		{"event delivered", 1, us(u.event), "the confirmation, on the open stream"},
		{"proof made", 2, us(u.proofSign), "ES256, by the phone: scan, confirm"},
		{"proof verified", 2, us(u.proofVerify), "ES256, with the hash of the body"},
		{"JWT checked", 2, us(u.jwt), "RS256: start, binding read (the stream is opened by the browser secret)"},
		{"statement signed", 1, us(u.sign), "by the phone"},
		{"statement verified", 1, us(u.verify), "by the server, from the JWS"},
		{"chain verified", 1, us(u.chain), "a leaf never seen before, under a known issuer"},
		{"durable append", bindAppends, us(u.appendCPU), "session, claim, signature, binding, end; group commit at the same concurrency"},
	}
}

func us(d time.Duration) float64 { return round(float64(d)/float64(time.Microsecond), 2) }

func floorFrom(j *job, u *units) *floorOf {
	f := &floorOf{Cores: runtime.NumCPU(), Parts: j.parts(u), AppendsPerSec: round(u.appendRate, 0), AppendsPerFlow: j.appends}
	var terms []string
	for _, p := range f.Parts {
		f.CPUusPerFlow += float64(p.Count) * p.CPUus
		terms = append(terms, fmt.Sprintf("%d × %.1f", p.Count, p.CPUus))
	}
	byCPU := 1e6 * float64(f.Cores) / f.CPUusPerFlow
	byAppend := u.appendRate / float64(j.appends)
	f.FlowsPerSecond = round(min(byCPU, byAppend), 1)
	f.LimitedByAppend = byAppend < byCPU
	f.CPUusPerFlow = round(f.CPUusPerFlow, 1)
	f.Formula = fmt.Sprintf("min( %d cores ÷ (%s) µs, %.0f appends/s ÷ %d ) = min(%.0f, %.0f) flows/s",
		f.Cores, strings.Join(terms, " + "), u.appendRate, j.appends, byCPU, byAppend)
	return f
}
