// Package tencent has Tencent Cloud check faces (FaceID, eKYC by H5): DetectAuth makes
// a token and an address, the person does the check there, and GetDetectInfoEnhanced
// tells what came of it. There is no call-back; the person's browser comes back, and
// the service is asked.
package tencent

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"

	"certlink/mobilecert/identity"
)

// Name of the service.
const Name = "tencent"

// Config of a Checker.
type Config struct {
	SecretID, SecretKey string
	Rule                string // RuleId of the business flow made in the console
	Region              string
	// Endpoint and Scheme are for tests; "" is the service's own, by https.
	Endpoint, Scheme string
}

// Checker asks the service.
type Checker struct {
	client *common.Client
	rule   string
}

var _ identity.Checker = (*Checker)(nil)

// New makes the checker. Requests are signed with TC3-HMAC-SHA256 by the SDK.
func New(c Config) *Checker {
	p := profile.NewClientProfile()
	p.HttpProfile.ReqTimeout = 8
	if c.Endpoint != "" {
		p.HttpProfile.Endpoint, p.HttpProfile.Scheme = c.Endpoint, c.Scheme
	}
	return &Checker{common.NewCommonClient(common.NewCredential(c.SecretID, c.SecretKey), c.Region, p), c.Rule}
}

// Name stands in what is kept.
func (c *Checker) Name() string { return Name }

// call sends one request of the API's version and reads the answer. Errors of the
// service come back as errors of the SDK.
func (c *Checker) call(ctx context.Context, action string, params map[string]any, answer any) error {
	r := tchttp.NewCommonRequest("faceid", "2018-03-01", action)
	r.SetContext(ctx)
	if err := r.SetActionParameters(params); err != nil {
		return err
	}
	out := tchttp.NewCommonResponse()
	if err := c.client.Send(r, out); err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	whole := struct{ Response any }{answer}
	return json.Unmarshal(out.GetBody(), &whole)
}

// Begin makes a token for a person.
func (c *Checker) Begin(ctx context.Context, check string, p identity.Person, back string) (*identity.Started, error) {
	var out struct{ Url, BizToken string }
	err := c.call(ctx, "DetectAuth", map[string]any{
		"RuleId": c.rule, "IdCard": p.IDNumber, "Name": p.Name, "RedirectUrl": back, "Extra": check,
	}, &out)
	if err != nil {
		return nil, err
	}
	if out.BizToken == "" || out.Url == "" {
		return nil, fmt.Errorf("DetectAuth answers without a token or an address")
	}
	return &identity.Started{Ref: out.BizToken, URL: out.Url}, nil
}

// The results, as Tencent Cloud lists them for checks by H5 and mini program (return
// codes of FaceID, https://cloud.tencent.com/document/product/1007/31082, and 2017 of
// https://cloud.tencent.com/document/product/1007/101997). All that stand in neither
// list say that it is not the person, or that the person could not be seen: liveness
// 10xx to 13xx, comparison 20xx, the document 30x, and 16, no tries left.
const (
	matches    = 0
	unfinished = 17 // the person is still at it
)

// system are the results that say nothing of the person: the service, or the register
// behind it, could not work.
var system = []int64{
	1, 2, 3, // asked wrongly
	4, 8, 10, 12, 13, // the service is disturbed
	14, 15, // the token is used, or too old
	201, 202, 203, 204, // WeChat gives no picture or film, or lacks a permission
	1001, 1006, 1007, 1008, // the engine's time is up, the register of photographs fails, nothing came from WeChat, the network
	2001, 2017, // the engine's time is up, the register is being renewed
}

// Ask tells what came of a token. While the person has not finished there is no
// result.
func (c *Checker) Ask(ctx context.Context, ref string) (*identity.Result, error) {
	var out struct {
		Text *struct {
			ErrCode *int64
		}
	}
	// InfoType 1 is the result in words; pictures and films of people are not fetched.
	err := c.call(ctx, "GetDetectInfoEnhanced", map[string]any{"BizToken": ref, "RuleId": c.rule, "InfoType": "1"}, &out)
	if err != nil {
		return nil, err
	}
	if out.Text == nil || out.Text.ErrCode == nil || *out.Text.ErrCode == unfinished {
		return &identity.Result{State: identity.Pending}, nil
	}
	code := *out.Text.ErrCode
	r := &identity.Result{State: identity.Mismatched, Reason: fmt.Sprint(code)}
	switch {
	case code == matches:
		r.State = identity.Passed
	case slices.Contains(system, code):
		r.State = identity.Failed
	}
	return r, nil
}

// Notice refuses everything: the service sends none.
func (c *Checker) Notice(func(string) string, []byte) (string, error) {
	return "", identity.ErrNotice
}
