package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
)

// An operation is one call on one key, as its caller saw it.
type operation struct {
	// Which client called; one call at a time.
	Client int `json:"client"`
	// The path.
	Key string `json:"key"`
	// When it was sent, and when its answer came or the last moment at which it
	// can have had an effect: nanoseconds of one monotonic clock.
	Call   int64 `json:"call"`
	Return int64 `json:"return"`
	// What was asked: one of the kinds below.
	Kind string `json:"kind"`
	// What to write, or to add.
	Value int64 `json:"value"`
	// The value that an equals waits for.
	Expected int64 `json:"expected"`
	// The revision that an unchanged_since names.
	Since int64 `json:"since"`
	// What became of it: one of the outcomes below.
	Outcome string `json:"outcome"`
	// The value that the answer carried; nil is absence.
	Found *int64 `json:"found"`
	// Whether the answer says that something changed.
	Changed bool `json:"changed"`
	// The answer's revision.
	Revision int64 `json:"revision"`
}

const (
	// A read.
	get = "get"
	// Writes: unconditional, where nothing is, a sum, and a deletion.
	set      = "set"
	ifAbsent = "if_absent"
	add      = "add"
	remove   = "delete"
	// A set on the condition that the value is Expected, or that it has not
	// changed after Since.
	setIfEqual     = "set_if_equal"
	setIfUnchanged = "set_if_unchanged"
)

const (
	// It was answered.
	done = "done"
	// Its condition did not hold.
	refused = "refused"
	// It happened once between Call and Return, or never.
	unknown = "unknown"
)

var kinds = map[string]bool{
	get: true, set: true, ifAbsent: true, add: true, remove: true,
	setIfEqual: true, setIfUnchanged: true,
}

func (o *operation) check() error {
	switch {
	case o.Key == "":
		return fmt.Errorf("it has no key")
	case !kinds[o.Kind]:
		return fmt.Errorf("its kind is %q", o.Kind)
	case o.Outcome != done && o.Outcome != refused && o.Outcome != unknown:
		return fmt.Errorf("its outcome is %q", o.Outcome)
	case o.Outcome == refused && o.Kind != setIfEqual && o.Kind != setIfUnchanged:
		return fmt.Errorf("a %s cannot be refused", o.Kind)
	case o.Return < o.Call:
		return fmt.Errorf("it returned before it was called")
	}
	return nil
}

// readHistory reads one operation a line, in any order.
func readHistory(from io.Reader) ([]*operation, error) {
	var history []*operation
	lines := bufio.NewScanner(from)
	for number := 1; lines.Scan(); number++ {
		o := new(operation)
		err := json.Unmarshal(lines.Bytes(), o)
		if err == nil {
			err = o.check()
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		history = append(history, o)
	}
	return history, lines.Err()
}

func (o *operation) String() string {
	asked := o.Kind
	switch o.Kind {
	case set, ifAbsent, add:
		asked = fmt.Sprintf("%s(%d)", o.Kind, o.Value)
	case setIfEqual:
		asked = fmt.Sprintf("%s(%d -> %d)", o.Kind, o.Expected, o.Value)
	case setIfUnchanged:
		asked = fmt.Sprintf("%s(@%d, %d)", o.Kind, o.Since, o.Value)
	}
	if o.Outcome != done {
		return asked + ": " + o.Outcome
	}
	found := "nothing"
	if o.Found != nil {
		found = fmt.Sprint(*o.Found)
	}
	switch o.Kind {
	case get:
		return fmt.Sprintf("%s: %s @%d", asked, found, o.Revision)
	case ifAbsent, add:
		return fmt.Sprintf("%s: %s, changed %t @%d", asked, found, o.Changed,
			o.Revision)
	}
	return fmt.Sprintf("%s: changed %t @%d", asked, o.Changed, o.Revision)
}
