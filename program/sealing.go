package program

import (
	"context"
	"errors"
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

// Reseal seals with the first key of the key file what is sealed with another one, and
// counts the documents. What no key opens keeps it from nothing else.
func (p *Program) Reseal(ctx context.Context) (total int, failed error) {
	for _, s := range stocks(p.Store, p.Ring) {
		n, err := s.Reseal(ctx)
		total += n
		failed = errors.Join(failed, err)
	}
	return total, failed
}

// everyReseal is reseal as work of a server.
func (p *Program) everyReseal(ctx context.Context) error {
	n, err := p.Reseal(ctx)
	if n > 0 {
		p.Log.Info("documents were sealed anew", "documents", n, "key", p.Ring.Key())
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil // the next round goes on
	}
	if older := p.Ring.Older(); err == nil && n == 0 && len(older) > 0 && !p.spare {
		p.spare = true
		p.Log.Info("nothing is sealed with the older keys any more", "keys", strings.Join(older, ","))
	}
	return err
}
