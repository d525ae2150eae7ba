package program

import (
	"certlink/mobilecert/identity"
	"certlink/mobilecert/identity/tencent"
)

// faceSettings name the service that checks faces.
type faceSettings struct {
	SecretID  string `name:"face-tencent-id" env:"CERTLINK_FACE_TENCENT_ID" help:"Face check by Tencent Cloud FaceID: SecretId of a key that may use it. Default: no face check; identities are verified by mail or on site."`
	SecretKey string `name:"face-tencent-key" env:"CERTLINK_FACE_TENCENT_KEY" help:"Its SecretKey."`
	Rule      string `name:"face-tencent-rule" env:"CERTLINK_FACE_TENCENT_RULE" help:"RuleId of the business flow made in the console."`
	Region    string `name:"face-tencent-region" env:"CERTLINK_FACE_TENCENT_REGION" default:"ap-guangzhou" help:"Its region."`
}

func (s *faceSettings) check(bad func(string, ...any)) {
	given := 0
	for _, v := range []string{s.SecretID, s.SecretKey, s.Rule} {
		if v != "" {
			given++
		}
	}
	if given != 0 && given != 3 {
		bad("CERTLINK_FACE_TENCENT_ID, CERTLINK_FACE_TENCENT_KEY and CERTLINK_FACE_TENCENT_RULE belong together: set all or none")
	}
}

// checker is the service, nil where none is named.
func (s *faceSettings) checker() identity.Checker {
	if s.SecretID == "" {
		return nil
	}
	return tencent.New(tencent.Config{SecretID: s.SecretID, SecretKey: s.SecretKey, Rule: s.Rule, Region: s.Region})
}
