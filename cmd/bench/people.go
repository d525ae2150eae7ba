package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"certlink/phone"
)

// people are the accounts, phones and certificates of a run, made before the clock
// starts: each flow binds a fresh certificate to a fresh account.
type people struct {
	w       *world
	s       *server
	tokens  []string
	keys    []*phone.Key
	workers []*worker
}

// worker is one person at a time, at a desk with a phone. It has three connections, as
// a browser page, its event stream and a phone do.
type worker struct {
	page, stream, mobile *wire
	phone                *phone.Phone
	events               chan streamed
	watch                chan struct{}
	once                 sync.Once
}

// run numbers runs apart, so that several can use one server.
func newPeople(w *world, s *server, concurrency int) (*people, error) {
	p := &people{w: w, s: s}
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
	var err error
	k.phone, err = phone.New(url, phone.Over(k.mobile), phone.Once())
	go k.follow()
	return k, err
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

// make prepares n people named by prefix, and registers the workers' phones.
func (p *people) make(ctx context.Context, prefix string, n int) error {
	wallet, err := phone.New(p.s.url)
	if err != nil {
		return err
	}
	p.tokens, p.keys = make([]string, n), make([]*phone.Key, n)
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for i, k := range p.workers {
		g.Go(func() error {
			if err := k.phone.Register(ctx, fmt.Sprintf("bench %d", i+1)); err != nil {
				return fmt.Errorf("registering a phone: %w", err)
			}
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				if err := p.person(k, wallet, prefix, i); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	return g.Wait()
}

// person makes the i-th person: a token, an account by its first use, and a
// certificate.
func (p *people) person(k *worker, wallet *phone.Phone, prefix string, i int) error {
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
	if wallet == nil {
		return nil
	}
	key, der, err := p.w.authority.leaf(name)
	if err != nil {
		return err
	}
	p.keys[i], err = wallet.AddCertificate(key, der, [][]byte{p.w.authority.issuing.Raw}, provider)
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
