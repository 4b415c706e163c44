package main

import (
	"fmt"
	"math"
	"sort"

	"github.com/anishathalye/porcupine"
)

// A register is one key: what it holds, and what is known of revisions.
//
// Revisions are claims of the server that tell in which order things happened.
// Holding it to them makes the check stricter than the values alone would, and
// quicker.
type register struct {
	present bool
	value   int64
	// The revision of the last change; of one whose answer was lost only a
	// bound is known, and exact is false.
	changedAt int64
	exact     bool
	// The highest revision that an operation so far was answered with.
	seen int64
}

// changed is the register after a change at a revision, 0 if that is not known.
func (r register) changed(present bool, value, revision int64) register {
	next := register{present, value, revision, true, revision}
	if revision == 0 {
		next.changedAt = r.seen + 1
		next.exact = false
		next.seen = r.seen + 1
	}
	if !present {
		next.value = 0
	}
	return next
}

// holds tells whether the condition of an operation holds: certainly, possibly,
// or neither.
func (r register) holds(o *operation) (certainly, possibly bool) {
	switch o.Kind {
	case setIfEqual:
		is := r.present && r.value == o.Expected
		return is, is
	case setIfUnchanged:
		since := r.changedAt <= o.Since
		return since && r.exact, since
	}
	return true, true
}

// apply gives what the operation, executed here, leaves and answers.
func (r register) apply(o *operation) (present bool, value int64, change bool) {
	switch o.Kind {
	case set, setIfEqual, setIfUnchanged:
		return true, o.Value, !r.present || r.value != o.Value
	case ifAbsent:
		if r.present {
			return true, r.value, false
		}
		return true, o.Value, true
	case add:
		if r.present && o.Value == 0 {
			return true, r.value, false
		}
		return true, r.value + o.Value, true
	case remove:
		return false, 0, r.present
	}
	return r.present, r.value, false
}

// step gives the registers that the operation may leave, none if it cannot have
// been executed here with its answer.
func (r register) step(o *operation) []register {
	certainly, possibly := r.holds(o)
	if o.Outcome == refused {
		if certainly {
			return nil
		}
		return []register{r}
	}
	present, value, change := r.apply(o)
	if o.Outcome == unknown {
		// It never arrived, or it did.
		next := []register{r}
		if possibly && change {
			next = append(next, r.changed(present, value, 0))
		}
		return next
	}
	if !possibly || o.Changed != change {
		return nil
	}
	if carriesValue(o) && (o.Found != nil != present ||
		o.Found != nil && *o.Found != value) {
		return nil
	}
	if change {
		// Every change has a revision of its own.
		if o.Revision <= r.seen {
			return nil
		}
		return []register{r.changed(present, value, o.Revision)}
	}
	if o.Revision < r.seen {
		return nil
	}
	r.seen = o.Revision
	return []register{r}
}

// carriesValue tells whether the answer says what is there now.
func carriesValue(o *operation) bool {
	return o.Kind == get || o.Kind == add || o.Kind == ifAbsent
}

func (r register) String() string {
	bound := ""
	if !r.exact {
		bound = "at least "
	}
	if !r.present {
		return fmt.Sprintf("nothing, since %s%d", bound, r.changedAt)
	}
	return fmt.Sprintf("%d, since %s%d", r.value, bound, r.changedAt)
}

// model is a register that holds nothing at first.
func model() porcupine.Model {
	m := porcupine.NondeterministicModel{
		Init: func() []interface{} {
			return []interface{}{register{exact: true}}
		},
		Step: func(state, input, output interface{}) []interface{} {
			var next []interface{}
			for _, r := range state.(register).step(input.(*operation)) {
				next = append(next, r)
			}
			return next
		},
		DescribeOperation: func(input, output interface{}) string {
			return input.(*operation).String()
		},
		DescribeState: func(state interface{}) string {
			return state.(register).String()
		},
	}
	return m.ToModel()
}

// byKey gives the histories of the keys, each in the form that the checker
// takes, and the keys in order.
func byKey(history []*operation) ([]string, map[string][]porcupine.Operation) {
	// The pages that show a history count from its beginning.
	start := int64(math.MaxInt64)
	for _, o := range history {
		if o.Call < start {
			start = o.Call
		}
	}
	var keys []string
	parts := map[string][]porcupine.Operation{}
	for _, o := range history {
		if o.Kind == get && o.Outcome == unknown {
			continue
		}
		if parts[o.Key] == nil {
			keys = append(keys, o.Key)
		}
		parts[o.Key] = append(parts[o.Key], porcupine.Operation{
			ClientId: o.Client,
			Input:    o,
			Call:     o.Call - start,
			Return:   o.Return - start,
		})
	}
	sort.Strings(keys)
	return keys, parts
}
