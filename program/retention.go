package program

import (
	"context"
	"errors"
	"time"

	"certlink/internal/retain"
)

// retentionSettings say how long personal data is kept.
type retentionSettings struct {
	Days     int `name:"retain-days" env:"CERTLINK_RETAIN_DAYS" default:"1825" help:"Days after the end of a certificate, or after an invoice, for which the personal data of its application and its renewals is kept, and for which what is paid and not collected or extended can still be claimed; 0 keeps it."`
	IdleDays int `name:"retain-idle-days" env:"CERTLINK_RETAIN_IDLE_DAYS" default:"365" help:"Days for which withdrawn and unfinished applications, renewals that came to nothing, declined certificate requests, and saved titles and recipients of invoices that nobody uses, are kept; 0 keeps them."`
}

func (s *retentionSettings) check(bad func(string, ...any)) {
	for name, days := range map[string]int{"CERTLINK_RETAIN_DAYS": s.Days, "CERTLINK_RETAIN_IDLE_DAYS": s.IdleDays} {
		if days < 0 || days > 0 && days < 30 {
			bad("%s must be 0, or 30 and more", name)
		}
	}
}

func (s *retentionSettings) terms() retain.Terms {
	const day = 24 * time.Hour
	return retain.Terms{Finished: time.Duration(s.Days) * day, Idle: time.Duration(s.IdleDays) * day}
}

// erase takes the personal data out of what has been kept long enough.
func (p *Program) erase(ctx context.Context) error {
	terms := p.Settings.Retention.terms()
	return errors.Join(p.Applications.Erase(ctx, terms), p.Renewals.Erase(ctx, terms), p.Certificates.Erase(ctx, terms), p.invoices.Erase(ctx, terms))
}
