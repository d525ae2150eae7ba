package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
)

// turn is held from a request to the end of its answer. FerretDB finds a
// document and writes it in two steps, so that of two updates at once both may
// win: that is cured by letting in one request at a time.
var turn sync.Mutex

// serve passes connections on to the server.
func serve(l net.Listener, server string) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer client.Close()
			backend, err := net.Dial("tcp", server)
			if err != nil {
				return
			}
			defer backend.Close()
			for exchange(client, backend) == nil {
			}
		}()
	}
}

// exchange passes one request and its answer.
func exchange(client, backend net.Conn) error {
	request, err := message(client)
	if err != nil {
		return err
	}
	answer, err := ask(backend, request)
	if err != nil {
		return err
	}
	_, err = client.Write(answer)
	return err
}

func ask(backend net.Conn, request []byte) ([]byte, error) {
	turn.Lock()
	defer turn.Unlock()
	if _, err := backend.Write(request); err != nil {
		return nil, err
	}
	answer, err := message(backend)
	if err != nil {
		return nil, err
	}
	return repaired(answer), nil
}

// message reads one message: its length comes first, and counts itself.
func message(r io.Reader) ([]byte, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(head)
	if n < 16 || n > 64<<20 {
		return nil, fmt.Errorf("a message of %d bytes", n)
	}
	m := make([]byte, n)
	copy(m, head)
	_, err := io.ReadFull(r, m[4:])
	return m, err
}
