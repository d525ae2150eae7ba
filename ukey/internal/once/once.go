// Package once knows one thing that encoding/json does not: that a member may stand
// in an object only once.
package once

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
)

// Check refuses a member that stands twice in an object: encoding/json would take the
// last of them without a word.
func Check(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	var value func(at string, depth int) error
	value = func(at string, depth int) error {
		if depth > 8 {
			return errors.New(at + ": nested too deeply")
		}
		tok, err := d.Token()
		if err != nil {
			return err
		}
		open, _ := tok.(json.Delim)
		seen := map[string]bool{}
		for i := 0; (open == '{' || open == '[') && d.More(); i++ {
			next := at + "/" + strconv.Itoa(i)
			if open == '{' {
				name, err := d.Token()
				if err != nil {
					return err
				}
				next = at + "/" + name.(string)
				if seen[name.(string)] {
					return errors.New(next + ": stands twice")
				}
				seen[name.(string)] = true
			}
			if err := value(next, depth+1); err != nil {
				return err
			}
		}
		if open != 0 {
			_, err = d.Token()
		}
		return err
	}
	if err := value("", 0); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return errors.New("the JSON text ends too early")
		}
		return err
	}
	return nil
}
