package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"

	"certlink/mobilecert/renewal"
	"certlink/mobilecert/renewal/site"
)

// Act is what somebody does on the page.
type Act string

// The acts: the holder's, but for the two of the authority's clerk.
const (
	SignIn Act = "signin"
	Hand   Act = "material"
	Pass   Act = "pass"
	Reject Act = "reject"
	Extend Act = "extend" // the second click
)

// next lists the steps that acts lead from and to.
var next = map[Act]struct{ from, to renewal.Step }{
	Hand:   {renewal.StepMaterial, renewal.StepReview},
	Pass:   {renewal.StepReview, renewal.StepApproved},
	Reject: {renewal.StepReview, renewal.StepRejected},
	Extend: {renewal.StepApproved, renewal.StepDone},
}

// Do carries an act out, and calls back.
func (s *Service) Do(ctx context.Context, id string, act Act) error {
	if err := s.do(ctx, id, act); err != nil || act == SignIn {
		return err
	}
	// Without the notice it is found by asking, as with real sites.
	if err := s.notify(ctx, id); err != nil {
		slog.Warn("the sandbox's notice was not taken", "renewal", id, "err", err)
	}
	return nil
}

func (s *Service) do(ctx context.Context, id string, act Act) error {
	c, err := s.Look(ctx, id)
	if err != nil {
		return err
	}
	if err := c.may(act); err != nil {
		return err
	}
	var made *Made
	if act == Extend {
		if made, err = s.issue(ctx, c); err != nil {
			return err
		}
	}
	_, err = s.change(ctx, id, func(c *Case) error {
		if err := c.may(act); err != nil {
			return err
		}
		switch act {
		case SignIn:
			c.SignedIn = true
			return nil
		case Reject:
			c.Note = "演示：营业执照照片不清晰，请重新上传。"
		}
		c.Step, c.Made = next[act].to, made
		return nil
	})
	return err
}

// may says why an act does not stand at a case now.
func (c *Case) may(act Act) error {
	if way, known := next[act]; act != SignIn && (!known || c.Step != way.from || !c.SignedIn) {
		return renewal.ErrState.With("state", string(c.Step))
	}
	return nil
}

func (s *Service) notify(ctx context.Context, id string) error {
	body, err := json.Marshal(site.Notice{Renewal: id})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.cfg.NoticeURL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(site.Header, site.Sign(s.secret, s.cfg.Clock(), site.SubjectNotice, body))
	resp, err := s.cfg.Client.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}
