// Package apart runs vendors' code in a process of its own: what hangs there is
// stopped, what crashes there is an error, and the bridge goes on.
package apart

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"

	"certlink/ukey"
	"certlink/ukey/profile"
)

// A message is four bytes with the length, first byte first, and then JSON.
const maxFrame = 4 << 20

func writeFrame(w io.Writer, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(body) > maxFrame {
		return fmt.Errorf("apart: a message of %d bytes", len(body))
	}
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(body)), uint32(len(body)))
	frame = append(frame, body...)
	_, err = w.Write(frame)
	clear(frame) // a PIN may be in it
	clear(body)
	return err
}

func readFrame(r io.Reader, v any) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxFrame {
		return fmt.Errorf("apart: a message of %d bytes", n)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return err
	}
	err := json.Unmarshal(body, v)
	clear(body)
	return err
}

// request is one of open, inventory, verify, sign and decrypt.
type request struct {
	Op      string               `json:"op"`
	Profile *profile.Profile     `json:"profile,omitempty"`
	File    string               `json:"file,omitempty"` // of the software tokens
	Token   string               `json:"token,omitempty"`
	PIN     ukey.PIN             `json:"pin,omitempty"`
	Sign    *ukey.SignRequest    `json:"sign,omitempty"`
	Decrypt *ukey.DecryptRequest `json:"decrypt,omitempty"`
}

type response struct {
	Refused   *ukey.Refusal   `json:"refused,omitempty"`
	Inventory *ukey.Inventory `json:"inventory,omitempty"`
	Bytes     []byte          `json:"bytes,omitempty"`
}
