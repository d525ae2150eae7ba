package account

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"certlink/internal/effect"
	"certlink/internal/id"
	"certlink/store"
	"certlink/trust"
)

// Organisation is a company or public body, known by its credit code.
type Organisation struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	CreditCode string `json:"credit_code"`
	// Source is the issuer that made it and may correct its name; empty: our own people.
	Source    string    `json:"source,omitempty"`
	Demo      bool      `json:"demo,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	effect.Owing
}

// CreditCodeDoubtful says that the code fails GB 32100's check character. A
// warning for people to look at, never a refusal: legal codes exist that fail.
func (o *Organisation) CreditCodeDoubtful() bool { return !trust.CreditCodeWarning(o.CreditCode) }

// clone copies what is changed in place.
func (o *Organisation) clone() *Organisation {
	c := *o
	c.Pending = slices.Clone(o.Pending)
	return &c
}

func organisationRecord(s store.Store) store.Record[Organisation] {
	return store.Record[Organisation]{Store: s, Collection: organisations, Memo: store.NewMemo(memoBytes, (*Organisation).clone),
		ID: func(o *Organisation) string { return o.ID },
		Index: func(o *Organisation) map[string]string {
			return map[string]string{"code": o.CreditCode, "name": searchName(o.Name), effect.Index: o.Place()}
		}}
}

func (o *Organisation) happened(at time.Time, by *Principal, act string) {
	o.UpdatedAt = at
	o.Owe(effect.New(effect.Audit, at, map[string]string{"act": act, "object": "organisation", "id": o.ID, "organisation": o.ID, "by": by.ID()}))
}

// OrganisationInput is what makes or corrects an organisation.
type OrganisationInput struct {
	Name       string `json:"name"`
	CreditCode string `json:"credit_code"`
}

func (in OrganisationInput) clean() (OrganisationInput, error) {
	name, err := CleanName(in.Name, maxOrgName)
	if err != nil {
		return in, ErrName.At("/name", "机构名称不能为空，最多 128 个字，不含特殊字符", "the organisation's name: 1 to 128 characters, nothing invisible")
	}
	code, err := cleanCreditCode(in.CreditCode)
	if err != nil {
		return in, ErrCreditCode.At("/credit_code", "应为 18 位数字或大写字母", "18 digits or capital letters")
	}
	return OrganisationInput{Name: name, CreditCode: code}, nil
}

// CreateOrganisation makes one whose credit code is new.
func (s *Service) CreateOrganisation(ctx context.Context, by *Principal, in OrganisationInput) (*Organisation, error) {
	if err := by.Require(Operator, Integrator); err != nil {
		return nil, err
	}
	in, err := in.clean()
	if err != nil {
		return nil, err
	}
	return s.makeOrganisation(ctx, by, in, "", false)
}

func (s *Service) makeOrganisation(ctx context.Context, by *Principal, in OrganisationInput, source string, demo bool) (*Organisation, error) {
	now := s.now()
	o := &Organisation{ID: id.New(), Name: in.Name, CreditCode: in.CreditCode, Source: source, Demo: demo, CreatedAt: now}
	o.happened(now, by, "organisation.created")
	err := s.organisations.Create(ctx, o)
	if store.IsDuplicate(err, "code") {
		return nil, ErrOrganisationExists
	}
	if err != nil {
		return nil, err
	}
	return o, nil
}

// GetOrganisation reads one.
func (s *Service) GetOrganisation(ctx context.Context, orgID string) (*Organisation, error) {
	o, _, err := s.organisations.Get(ctx, orgID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrOrganisationUnknown
	}
	return o, err
}

// OrganisationByCode finds one by its credit code.
func (s *Service) OrganisationByCode(ctx context.Context, code string) (*Organisation, error) {
	code, err := cleanCreditCode(code)
	if err != nil {
		return nil, ErrOrganisationUnknown
	}
	o, _, err := s.organisations.First(ctx, store.Equal("code", code))
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrOrganisationUnknown
	}
	return o, err
}

// UpsertOrganisation makes the organisation with this credit code, or corrects
// its name. Repeating it changes nothing.
func (s *Service) UpsertOrganisation(ctx context.Context, by *Principal, in OrganisationInput) (*Organisation, Outcome, error) {
	if err := by.Require(Operator, Integrator); err != nil {
		return nil, "", err
	}
	in, err := in.clean()
	if err != nil {
		return nil, "", err
	}
	return s.upsertOrganisation(ctx, by, in, "")
}

func (s *Service) upsertOrganisation(ctx context.Context, by *Principal, in OrganisationInput, source string) (*Organisation, Outcome, error) {
	for {
		o, err := s.OrganisationByCode(ctx, in.CreditCode)
		if errors.Is(err, ErrOrganisationUnknown) {
			o, err = s.makeOrganisation(ctx, by, in, source, false)
			if errors.Is(err, ErrOrganisationExists) {
				continue // another server was faster; correct what it made
			}
			return o, Created, err
		}
		if err != nil {
			return nil, "", err
		}
		// An issuer corrects the name only of what it made itself.
		if o.Name == in.Name || source != "" && o.Source != source {
			return o, Unchanged, nil
		}
		o, err = s.organisations.Update(ctx, o.ID, func(o *Organisation) error {
			if o.Name == in.Name {
				return store.ErrUnchanged
			}
			o.Name = in.Name
			o.happened(s.now(), by, "organisation.renamed")
			return nil
		})
		return o, Updated, err
	}
}

// Find narrows a walk over the organisations to a name's or a credit code's
// beginning. The code wins where both are given.
type Find struct{ Name, CreditCode string }

// ListOrganisations walks all of them, by name, for those who serve them all.
func (s *Service) ListOrganisations(ctx context.Context, by *Principal, find Find, after store.Cursor, limit int) ([]*Organisation, store.Cursor, error) {
	if err := by.Require(Operator, Integrator, Reviewer); err != nil {
		return nil, "", err
	}
	q := store.Query{Index: "name", After: after, Limit: limit}
	name, ok := cleanText(find.Name, maxOrgName)
	if !ok {
		return nil, "", nil
	}
	q.Prefix = searchName(name)
	if find.CreditCode != "" {
		q.Index, q.Prefix = "code", strings.ToUpper(strings.TrimSpace(find.CreditCode))
	}
	return s.organisations.Query(ctx, q)
}
