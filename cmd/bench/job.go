package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// job is one kind of flow that can be measured. Each lies in a file of its own; a new
// one is a line in jobs.
type job struct {
	name string // as -job names it
	noun string // as the report does: N bind flows
	// steps are the flow's steps in their order, at most maxSteps; those that run
	// beside others are counted beside them.
	steps []string
	// event is the step from sending the confirmation to the event on the page.
	event int
	// serve are flags that the server needs for this job.
	serve []string
	// person prepares the i-th person before the clock starts: p.tokens[i], p.keys[i]
	// or what else the flow takes up.
	person func(ctx context.Context, p *people, k *worker, prefix string, i int) error
	// flow is the i-th flow, by the worker k. It checks what comes out.
	flow func(ctx context.Context, p *people, k *worker, i int) (timing, error)
	// parts is the work that the protocol prescribes for one flow, for the floor;
	// appends counts the durable writes in it.
	parts   func(u *units) []part
	appends int
}

var jobs = []*job{bindJob, issueJob}

// maxSteps is the most steps that a flow has.
const maxSteps = 10

// timing is how long each step of one flow took.
type timing [maxSteps]time.Duration

func jobNamed(name string) (*job, error) {
	names := make([]string, len(jobs))
	for i, j := range jobs {
		if names[i] = j.name; j.name == name {
			return j, nil
		}
	}
	return nil, fmt.Errorf("-job %s: there is %s", name, strings.Join(names, " and "))
}
