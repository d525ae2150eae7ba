package mobilecert

import (
	"testing"

	"certlink/account"
	"certlink/confirm"
	"certlink/internal/fault"
)

// Who may take a phone out of use, by what it holds.
func TestTakingAPhone(t *testing.T) {
	of := func(account, organisation string) Held {
		return Held{Certificate: &Certificate{Account: confirm.Party{ID: account, OrganisationID: organisation}}}
	}
	bound := Held{Binding: &Binding{Account: BoundAccount{ID: "li", OrganisationID: "o1"}}}
	li, admin := Who{Account: "li", Organisation: "o1"}, Who{Account: "boss", Organisation: "o1", Admin: true}
	for name, c := range map[string]struct {
		by   Who
		held []Held
		want *fault.Error
	}{
		"one's own":                   {li, []Held{of("li", "o1"), bound}, nil},
		"a colleague's":               {li, []Held{of("wang", "o1")}, account.ErrDeviceUnknown},
		"one's own and a colleague's": {li, []Held{of("wang", "o1"), of("li", "o1")}, account.ErrDeviceShared},
		"an employee's":               {admin, []Held{of("li", "o1"), of("wang", "o1")}, nil},
		"of two organisations":        {admin, []Held{of("li", "o1"), of("zhou", "o2")}, account.ErrDeviceShared},
		"of another organisation":     {admin, []Held{of("zhou", "o2")}, account.ErrDeviceUnknown},
		"an empty one":                {admin, nil, account.ErrDeviceUnknown},
		"any, for a reviewer":         {Who{Account: "rev", Staff: true}, []Held{of("li", "o1")}, account.ErrDeviceUnknown},
		"any, for an operator":        {Who{Account: "op", Staff: true, Operator: true}, []Held{of("li", "o1"), of("zhou", "o2")}, nil},
		"an empty one, for them":      {Who{Account: "op", Staff: true, Operator: true}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.by.MayTake(c.held); c.want == nil {
				check(t, err)
			} else {
				refused(t, err, c.want)
			}
		})
	}
}
