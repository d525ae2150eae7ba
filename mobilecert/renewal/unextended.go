package renewal

import (
	"context"
	"slices"

	"certlink/store"
)

// unextendedPage bounds one page of Unextended.
const unextendedPage = 200

// Unextended lists what is paid for and not extended, because the holder has not yet
// done their part: confirmed on the phone or, with a token, handed in the material or
// made the second click. It is what people are reminded of until it is done.
func (v *Service) Unextended(ctx context.Context, after store.Cursor) ([]*Renewal, store.Cursor, error) {
	list, next, err := v.docs.Query(ctx, store.Query{Index: "unextended", After: after, Limit: unextendedPage})
	return slices.DeleteFunc(list, func(n *Renewal) bool {
		return n.State == Extending && (n.Course == nil || n.Course.Step == StepReview)
	}), next, err
}
