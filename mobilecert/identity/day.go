package identity

import (
	"context"
	"errors"
	"slices"
	"time"

	"certlink/store"
)

// PerDay is how often a person is checked in a day.
const PerDay = 10

// shanghai is where the days begin; it has had no summer time since 1991.
var shanghai = time.FixedZone("CST", 8*3600)

func dayOf(at time.Time) string { return at.In(shanghai).Format("20060102") }

// nextDay is when the next one begins.
func nextDay(at time.Time) time.Time {
	y, m, d := at.In(shanghai).Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, shanghai)
}

// day is what was tried for one person on one day: the ids of the checks that count.
type day struct {
	ID     string    `json:"id"` // day and person
	Checks []string  `json:"checks"`
	Purge  time.Time `json:"purge"`
}

func dayRecord(s store.Store) store.Record[day] {
	return store.Record[day]{Store: s, Collection: days.Name,
		ID:    func(d *day) string { return d.ID },
		Index: func(d *day) map[string]string { return map[string]string{"purge": store.TimeKey(d.Purge)} }}
}

func dayID(date, person string) string { return date + "-" + person }

// take counts a check, if one is left. Counting it again changes nothing.
func (s *Service) take(ctx context.Context, c *Check) error {
	at := s.cfg.Clock()
	for {
		_, err := s.days.Update(ctx, dayID(c.Day, c.Person), func(d *day) error {
			switch {
			case slices.Contains(d.Checks, c.ID):
				return store.ErrUnchanged
			case len(d.Checks) >= PerDay:
				return ErrTooMany.After(nextDay(at).Sub(at))
			}
			d.Checks = append(d.Checks, c.ID)
			return nil
		})
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		err = s.days.Create(ctx, &day{ID: dayID(c.Day, c.Person), Checks: []string{c.ID}, Purge: at.Add(72 * time.Hour)})
		if !errors.Is(err, store.ErrExists) {
			return err
		}
	}
}

// giveBack uncounts a check that the service could not carry out.
func (s *Service) giveBack(ctx context.Context, c *Check) error {
	_, err := s.days.Update(ctx, dayID(c.Day, c.Person), func(d *day) error {
		i := slices.Index(d.Checks, c.ID)
		if i < 0 {
			return store.ErrUnchanged
		}
		d.Checks = slices.Delete(d.Checks, i, i+1)
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// Left is how many checks a person has left today.
func (s *Service) Left(ctx context.Context, p Person) (int, error) {
	d, _, err := s.days.Get(ctx, dayID(dayOf(s.cfg.Clock()), s.person(p)))
	if errors.Is(err, store.ErrNotFound) {
		return PerDay, nil
	}
	if err != nil {
		return 0, err
	}
	return max(0, PerDay-len(d.Checks)), nil
}
