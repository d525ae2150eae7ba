package push

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"certlink/internal/clock"
	"certlink/internal/effect"
	"certlink/store"
)

// Due is something that a person is to be reminded of.
type Due struct {
	Subject string // the certificate's id, or the renewal's
	Mark    string // which of its reminders: "90", "30", …; each is sent once
	Account string
	Key     string // what it says, see Say
}

// Source lists what is due, page by page: it is asked with the cursor of the page
// before until it returns none. A page may hold what was sent long ago.
type Source interface {
	Due(ctx context.Context, now time.Time, after store.Cursor) ([]Due, store.Cursor, error)
}

// Marks are the days before an expiry on which people are reminded.
var Marks = []int{90, 30, 7, 1}

// MarkOf is the reminder that stands at so much time before an expiry; "" where
// there is none, since it is too early or too late.
func MarkOf(left time.Duration) string {
	if left <= 0 {
		return ""
	}
	mark := ""
	for _, days := range Marks {
		if left <= time.Duration(days)*24*time.Hour {
			mark = strconv.Itoa(days)
		}
	}
	return mark
}

// day is what one person is told in one day: one message, whatever it covers. The
// message is owed in the write that decides on it; its id is made of the person and
// the day, so that nothing brings about a second one.
type day struct {
	ID      string   `json:"id"` // account and date in Shanghai
	Key     string   `json:"key"`
	Covers  []string `json:"covers"`
	Date    string   `json:"date"`
	Account string   `json:"account"`
	effect.Owing
}

// mark says that one reminder was sent, and with which day's message.
type mark struct {
	ID   string    `json:"id"` // subject and mark
	Day  string    `json:"day"`
	Till time.Time `json:"till"` // kept until then
}

const (
	dayCollection  = "reminder_days"
	markCollection = "reminders"
	// markKeep is longer than any reminder stays due.
	markKeep = 200 * 24 * time.Hour
	// coversMost bounds what one message is noted to cover; the rest waits a day.
	coversMost = 500
	// scanEvery is how often the sources are walked through.
	scanEvery = time.Hour
)

// Hours is when people are left in peace, by the clock of Shanghai: from until to.
type Hours struct{ From, To int }

func (h Hours) quiet(now time.Time) bool {
	hour := now.In(shanghai).Hour()
	if h.From <= h.To {
		return h.From <= hour && hour < h.To
	}
	return hour >= h.From || hour < h.To
}

// shanghai has had no other time since 1991; no zone table is needed.
var shanghai = time.FixedZone("Asia/Shanghai", 8*3600)

// Reminders is the scheduler. Rounds may be cut off anywhere, run twice, and run on
// two servers at once: the two kinds of documents decide.
type Reminders struct {
	Clock   clock.Clock
	Quiet   Hours
	Sources []Source // the more urgent first: a person hears of one thing a day

	days  store.Record[day]
	marks store.Record[mark]
	// Where the walk stands. It lives in memory: a server that takes over walks anew,
	// past what was sent.
	source int
	cursor store.Cursor
	next   time.Time
}

// NewReminders makes the scheduler.
func NewReminders(s store.Store, c clock.Clock, quiet Hours, sources ...Source) *Reminders {
	return &Reminders{Clock: c, Quiet: quiet, Sources: sources,
		days: dayRecord(s), marks: markRecord(s)}
}

func dayRecord(s store.Store) store.Record[day] {
	return store.Record[day]{Store: s, Collection: dayCollection, ID: func(d *day) string { return d.ID },
		Index: func(d *day) map[string]string {
			ix := map[string]string{"purge": d.Date}
			ix[effect.Index] = d.Place()
			return ix
		}}
}

func markRecord(s store.Store) store.Record[mark] {
	return store.Record[mark]{Store: s, Collection: markCollection, ID: func(m *mark) string { return m.ID },
		Index: func(m *mark) map[string]string { return map[string]string{"purge": store.TimeKey(m.Till)} }}
}

// Run goes on with the walk until it is through, the time is up, or people sleep.
func (r *Reminders) Run(ctx context.Context) error {
	for {
		now := r.Clock()
		if r.Quiet.quiet(now) || now.Before(r.next) {
			return nil
		}
		if until, ok := ctx.Deadline(); ok && time.Until(until) < time.Second {
			return nil
		}
		if r.source >= len(r.Sources) {
			r.source, r.cursor, r.next = 0, "", now.Add(scanEvery)
			return r.purge(ctx, now)
		}
		list, next, err := r.Sources[r.source].Due(ctx, now, r.cursor)
		if err != nil {
			return err
		}
		for _, d := range list {
			if err := r.remind(ctx, d, now); err != nil {
				return err
			}
		}
		if r.cursor = next; next == "" {
			r.source++
		}
	}
}

// remind sees to one reminder: sent already, covered by today's message, or left for
// tomorrow because today's says something else.
func (r *Reminders) remind(ctx context.Context, d Due, now time.Time) error {
	id := d.Subject + "." + d.Mark
	_, err := r.marks.Store.Get(ctx, markCollection, id)
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	covered, err := r.cover(ctx, d, id, now)
	if err != nil || !covered {
		return err
	}
	m := &mark{ID: id, Day: dayID(d.Account, now), Till: now.Add(markKeep)}
	if err := r.marks.Create(ctx, m); err != nil && !errors.Is(err, store.ErrExists) {
		return err
	}
	return nil
}

func (r *Reminders) cover(ctx context.Context, d Due, id string, now time.Time) (bool, error) {
	fresh := &day{ID: dayID(d.Account, now), Key: d.Key, Covers: []string{id}, Date: date(now), Account: d.Account}
	e := effect.New(effect.Push, now, map[string]string{"key": d.Key, "account": d.Account})
	e.ID = "remind-" + fresh.ID
	fresh.Owe(e)
	err := r.days.Create(ctx, fresh)
	if !errors.Is(err, store.ErrExists) {
		return err == nil, err
	}
	covered := false
	_, err = r.days.Update(ctx, fresh.ID, func(t *day) error {
		// What the message says is true of all that has its key.
		switch covered = slices.Contains(t.Covers, id); {
		case covered:
			return store.ErrUnchanged // a crash came between this and the mark
		case t.Key != d.Key || len(t.Covers) >= coversMost:
			return store.ErrUnchanged
		}
		covered = true
		t.Covers = append(t.Covers, id)
		return nil
	})
	return covered, err
}

func (r *Reminders) purge(ctx context.Context, now time.Time) error {
	old, _, err := r.days.Query(ctx, store.Query{Index: "purge", Below: date(now.Add(-60 * 24 * time.Hour)), Limit: 500})
	for _, d := range old {
		err = errors.Join(err, ignoreGone(r.days.Store.Delete(ctx, dayCollection, d.ID, 0)))
	}
	if err != nil {
		return err
	}
	done, _, err := r.marks.Query(ctx, store.Query{Index: "purge", Below: store.TimeKey(now), Limit: 500})
	for _, m := range done {
		err = errors.Join(err, ignoreGone(r.marks.Store.Delete(ctx, markCollection, m.ID, 0)))
	}
	return err
}

func ignoreGone(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

func date(t time.Time) string { return t.In(shanghai).Format("20060102") }

func dayID(account string, now time.Time) string { return account + "." + date(now) }
