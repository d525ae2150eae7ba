// Package fcm reaches phones through Firebase Cloud Messaging, by Google's own SDK.
//
// The SDK repeats by itself, for seconds: the outbox gives each delivery a deadline
// and repeats better, since it knows of all the others. FCM's API takes one message a
// request (the SDK's batches are as many requests), so the outbox's width and rate
// are the batch.
package fcm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"

	firebase "firebase.google.com/go/v4"
	"firebase.google.com/go/v4/messaging"
	"google.golang.org/api/option"
	transport "google.golang.org/api/transport/http"

	"certlink/push"
)

// Kind is how phones name this channel.
const Kind = "fcm"

// Sender is the transport.
type Sender struct{ client *messaging.Client }

// scope is what the service account is used for, and nothing more.
const scope = "https://www.googleapis.com/auth/firebase.messaging"

// New reads the service account's credentials. options are for tests.
func New(ctx context.Context, credentials string, options ...option.ClientOption) (*Sender, error) {
	raw, err := os.ReadFile(credentials)
	if err != nil {
		return nil, err
	}
	var account struct {
		Project string `json:"project_id"`
	}
	if err := json.Unmarshal(raw, &account); err != nil || account.Project == "" {
		return nil, errors.New("the credentials file names no project")
	}
	signed, err := transport.NewTransport(ctx, listening{http.DefaultTransport.(*http.Transport).Clone()}, option.WithCredentialsJSON(raw), option.WithScopes(scope))
	if err != nil {
		return nil, fmt.Errorf("firebase: %w", err)
	}
	options = append([]option.ClientOption{option.WithHTTPClient(&http.Client{Transport: signed})}, options...)
	app, err := firebase.NewApp(ctx, &firebase.Config{ProjectID: account.Project}, options...)
	if err != nil {
		return nil, fmt.Errorf("firebase: %w", err)
	}
	client, err := app.Messaging(ctx)
	if err != nil {
		return nil, fmt.Errorf("firebase: %w", err)
	}
	return &Sender{client}, nil
}

// life is how long FCM keeps a note for a phone that is switched off: the inbox has
// it anyway, and a call to what is long over helps nobody.
const life = 12 * time.Hour

// Push hands over one note. The sentence is in the app; FCM learns its key.
func (s *Sender) Push(ctx context.Context, token string, n push.Note) error {
	heard := new(word)
	ctx = context.WithValue(ctx, wordKey{}, heard)
	ttl := life
	loc := "certlink_" + n.Key
	_, err := s.client.Send(ctx, &messaging.Message{
		Token: token,
		Data:  map[string]string{"id": n.ID, "key": n.Key},
		Android: &messaging.AndroidConfig{
			// A note for the same thing takes the place of the one before.
			CollapseKey: n.ID, Priority: "high", TTL: &ttl,
			Notification: &messaging.AndroidNotification{TitleLocKey: "certlink_title", BodyLocKey: loc, Tag: n.ID},
		},
		APNS: &messaging.APNSConfig{
			Headers: map[string]string{"apns-collapse-id": n.ID},
			Payload: &messaging.APNSPayload{Aps: &messaging.Aps{Alert: &messaging.ApsAlert{TitleLocKey: "certlink_title", LocKey: loc}}},
		},
	})
	return classify(err, heard.after)
}

func classify(err error, after time.Duration) error {
	switch {
	case err == nil:
		return nil
	case messaging.IsUnregistered(err), messaging.IsSenderIDMismatch(err):
		return errors.Join(push.ErrTokenGone, err)
	case messaging.IsInvalidArgument(err):
		return &push.PermanentError{Err: err}
	}
	if after == 0 && messaging.IsQuotaExceeded(err) {
		after = time.Minute // what Google asks for where the answer names no time
	}
	if after > 0 {
		return &push.RetryAfterError{Err: err, After: after}
	}
	return err
}

// word is when Google said to come back. The SDK keeps that to itself and waits, so
// that a deadline would leave nothing but the deadline.
type word struct{ after time.Duration }

type wordKey struct{}

// listening hears it beneath the SDK.
type listening struct{ http.RoundTripper }

func (l listening) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.RoundTripper.RoundTrip(r)
	if w, ok := r.Context().Value(wordKey{}).(*word); ok && err == nil {
		w.after = retryAfter(resp.Header.Get("Retry-After"))
	}
	return resp, err
}

func retryAfter(text string) time.Duration {
	if n, err := strconv.Atoi(text); err == nil && n > 0 {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(time.Until(at), time.Second)
	}
	return 0
}
