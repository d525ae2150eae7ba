package api_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestRequestsInPieces: however bytes come, a few of a request or several requests at
// once, each request has its answer, in their order.
func TestRequestsInPieces(t *testing.T) {
	w := newWorld(t)
	host := strings.TrimPrefix(w.origin, "http://")
	long := strings.Repeat("x", 5000)
	request := func(path string) string {
		return "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nX-Long: " + long + "\r\n\r\n"
	}
	posted := "POST /v1/qr-sessions HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: application/json\r\nContent-Length: 40000\r\n\r\n{" + strings.Repeat(" ", 39999)
	all := request("/healthz") + posted + request("/v1/config") + request("/healthz")
	want := []int{200, 401, 200, 200}
	for _, piece := range []int{1, 7, 1000, 8 << 10, 1 << 20} {
		t.Run(fmt.Sprint(piece), func(t *testing.T) {
			conn, err := net.Dial("tcp", host)
			check(t, err)
			defer conn.Close()
			check(t, conn.SetDeadline(time.Now().Add(5*time.Second)))
			check(t, conn.(*net.TCPConn).SetNoDelay(true))
			go func() {
				for rest := all; rest != ""; {
					n := min(piece, len(rest))
					if _, err := conn.Write([]byte(rest[:n])); err != nil {
						return
					}
					rest = rest[n:]
				}
			}()
			in := bufio.NewReader(conn)
			for i, status := range want {
				a, err := http.ReadResponse(in, nil)
				if err != nil {
					t.Fatalf("answer %d: %v", i, err)
				}
				body, err := io.ReadAll(a.Body)
				if err != nil || a.StatusCode != status {
					t.Fatalf("answer %d is %d, wanted %d: %s %v", i, a.StatusCode, status, body, err)
				}
			}
		})
	}
}
