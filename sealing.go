package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"certlink/account"
	"certlink/cashier/invoice"
	"certlink/internal/seal"
	"certlink/internal/upload"
	"certlink/mobilecert"
	"certlink/mobilecert/application"
	"certlink/push"
	"certlink/store"
)

// stocks is all that lies under seal, in every room.
func stocks(s store.Store, r *seal.Ring) []seal.Stock {
	return slices.Concat(account.Sealed(s, r), mobilecert.Sealed(s, r), application.Sealed(s, r), push.Sealed(s, r),
		invoice.Sealed(s, r), upload.Sealed(s, r))
}

// reseal seals with the first key of the key file what is sealed with another one, and
// counts the documents. What no key opens keeps it from nothing else.
func (p *program) reseal(ctx context.Context) (total int, failed error) {
	for _, s := range stocks(p.store, p.ring) {
		n, err := s.Reseal(ctx)
		total += n
		failed = errors.Join(failed, err)
	}
	return total, failed
}

// everyReseal is reseal as work of a server.
func (p *program) everyReseal(ctx context.Context) error {
	n, err := p.reseal(ctx)
	if n > 0 {
		p.log.Info("documents were sealed anew", "documents", n, "key", p.ring.Key())
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil // the next round goes on
	}
	if older := p.ring.Older(); err == nil && n == 0 && len(older) > 0 && !p.spare {
		p.spare = true
		p.log.Info("nothing is sealed with the older keys any more", "keys", strings.Join(older, ","))
	}
	return err
}

type keyCommand struct {
	Reseal resealCommand `cmd:"" help:"Seal with the first key of the key file whatever is sealed with another one. A running server does it by itself."`
}

type resealCommand struct{ offline }

// Run is certlink key reseal.
func (c *resealCommand) Run(ctx context.Context) error {
	p, err := c.accounts(ctx)
	if err != nil {
		return err
	}
	defer p.close()
	n, err := p.reseal(ctx)
	fmt.Printf("%d documents were sealed anew with %s.\n", n, p.ring.Key())
	if err != nil {
		return err
	}
	if older := p.ring.Older(); len(older) > 0 {
		fmt.Printf("Nothing is sealed with %s any more. Once every server has been started with this key file, take it out.\n", strings.Join(older, ", "))
	}
	return nil
}
