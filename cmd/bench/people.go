package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"certlink/phone"
)

// people are the accounts, phones and certificates of a run, made before the clock
// starts: each flow binds a fresh certificate to a fresh account.
type people struct {
	job     *job
	w       *world
	s       *server
	tokens  []string
	wallet  *phone.Phone // makes keys out of certificates
	keys    []*phone.Key
	workers []*worker
	// phones lie in a queue: whoever needs one takes the one that was not used for
	// longest, so that none meets the server's limit for one phone.
	phones chan *handset
}

// flowsPerPhone keeps a phone below that limit (60 calls at once, then 10 a second)
// even if all its flows came at once: a flow makes two calls.
const flowsPerPhone = 20

// handset is a phone and the connection of the worker who has it in hand.
type handset struct {
	*phone.Phone
	lane
}

type lane struct{ line *wire }

func newHandset(url string) (*handset, error) {
	h := &handset{}
	var err error
	h.Phone, err = phone.New(url, phone.Over(transport{&h.lane}), phone.Once())
	return h, err
}

// transport is how the phone sends.
type transport struct{ *lane }

func (t transport) Send(ctx context.Context, c *phone.Call) (*phone.Answer, error) {
	return t.line.Send(ctx, c)
}

// worker is one person at a time, at a desk with a phone. It has three connections, as
// a browser page, its event stream and a phone do.
type worker struct {
	page, stream, mobile *wire
	events               chan streamed
	watch                chan struct{}
	once                 sync.Once
}

func newPeople(j *job, w *world, s *server, concurrency int) (*people, error) {
	p := &people{job: j, w: w, s: s}
	for range concurrency {
		k, err := newWorker(s.url)
		if err != nil {
			return nil, err
		}
		p.workers = append(p.workers, k)
	}
	return p, nil
}

func newWorker(url string) (*worker, error) {
	k := &worker{events: make(chan streamed, 1), watch: make(chan struct{})}
	for _, c := range []**wire{&k.page, &k.stream, &k.mobile} {
		var err error
		if *c, err = newWire(url); err != nil {
			return nil, err
		}
	}
	go k.follow()
	return k, nil
}

func (k *worker) close() {
	k.once.Do(func() { close(k.watch) })
	for _, c := range []*wire{k.page, k.stream, k.mobile} {
		c.close()
	}
}

func (p *people) close() {
	for _, k := range p.workers {
		k.close()
	}
}

// phonesFor is how many phones n flows need, with enough lying ready for everybody.
func (p *people) phonesFor(n int) int {
	return max(2*len(p.workers), (n+flowsPerPhone-1)/flowsPerPhone)
}

// make prepares n people named by prefix, and registers the phones.
func (p *people) make(ctx context.Context, prefix string, n int) error {
	var err error
	if p.wallet, err = phone.New(p.s.url); err != nil {
		return err
	}
	p.tokens, p.keys = make([]string, n), make([]*phone.Key, n)
	phones := p.phonesFor(n)
	p.phones = make(chan *handset, phones)
	var next, registered atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for _, k := range p.workers {
		g.Go(func() error {
			for ctx.Err() == nil && int(registered.Add(1)) <= phones {
				h, err := k.register(ctx)
				if err != nil {
					return fmt.Errorf("registering a phone: %w", err)
				}
				p.phones <- h
			}
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				if err := p.job.person(ctx, p, k, prefix, i); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	return g.Wait()
}

// register makes a phone known. Servers let in so many new ones a second.
func (k *worker) register(ctx context.Context) (*handset, error) {
	h, err := newHandset(k.page.base.String())
	if err != nil {
		return nil, err
	}
	h.line = k.mobile
	for {
		err := h.Register(ctx, "bench")
		var limited *phone.Problem
		if !errors.As(err, &limited) || limited.Status != 429 || limited.RetryAfter > time.Minute {
			return h, err
		}
		if err := sleep(ctx, max(limited.RetryAfter, time.Second)); err != nil {
			return nil, err
		}
	}
}

// bindPerson makes the i-th person: a token, an account by its first use, and a
// certificate.
func bindPerson(_ context.Context, p *people, k *worker, prefix string, i int) error {
	name := fmt.Sprintf("测试员%s%d", prefix, i)
	token, err := p.w.token(fmt.Sprintf("%s-%d", prefix, i), name)
	if err != nil {
		return err
	}
	p.tokens[i] = "Bearer " + token
	a, err := k.page.do("GET", "/v1/session", nil, "Authorization", p.tokens[i])
	if err != nil {
		return err
	}
	if a.status != 200 {
		return fmt.Errorf("making an account: %s", refused(a))
	}
	key, der, err := p.w.authority.leaf(name)
	if err != nil {
		return err
	}
	p.keys[i], err = p.wallet.AddCertificate(key, der, [][]byte{p.w.authority.issuing.Raw}, provider)
	return err
}

// refused is what an answer that should not have come says.
func refused(a answer) string {
	code := field(a.body, "code")
	if code == "" {
		code = fmt.Sprintf("%.200q", a.body)
	}
	return fmt.Sprintf("%d %s", a.status, code)
}
