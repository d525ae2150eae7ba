package phone

import (
	"bytes"
	"context"
	"time"
)

// Certificate is one that the server has for this device.
type Certificate struct {
	ID          string   `json:"id"` // fingerprint
	Certificate []byte   `json:"certificate"`
	Chain       [][]byte `json:"chain"`
	State       string   `json:"state"` // active, superseded, revoked, expired
	Provider    Provider `json:"provider"`
	Account     struct {
		Name         string `json:"name"`
		Organisation string `json:"organisation"`
	} `json:"account"`
	Binding *struct {
		ID          string    `json:"id"`
		AccountName string    `json:"account_name"`
		BoundAt     time.Time `json:"bound_at"`
	} `json:"binding"`
}

// Certificates asks for the certificates of this device as they stand, and stores those
// whose keys are here and wait for them (a confirmation whose answer was lost).
func (p *Phone) Certificates(ctx context.Context) ([]Certificate, error) {
	items, err := list[Certificate](ctx, p, "/v1/phone/certificates", "")
	if err != nil {
		return nil, err
	}
	keys, err := p.Keys()
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		for _, c := range items {
			if (k.Certificate == nil || k.kept.Session != "") && c.State == "active" && belongs(k, c.Certificate) {
				if err := p.certify(k, c.Certificate, c.Chain, c.Provider.ID); err != nil {
					return nil, err
				}
			}
			if k.Certificate != nil && k.Provider == "" && bytes.Equal(k.Certificate.Raw, c.Certificate) {
				if err := p.certify(k, c.Certificate, c.Chain, c.Provider.ID); err != nil {
					return nil, err
				}
			}
		}
	}
	return items, nil
}
