package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"certlink/account"
	"certlink/internal/garbage"
	"certlink/internal/lan"
	"certlink/internal/processor"
	"certlink/program"
)

type serveCommand struct {
	program.Settings
	CPUProfile string `hidden:"" name:"cpu-profile" type:"path" help:"File to write a CPU profile to, for developers."`
}

// Run is certlink serve.
func (c *serveCommand) Run(ctx context.Context) error {
	err := c.serve(ctx)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // told to end before it had begun
	}
	return err
}

func (c *serveCommand) serve(ctx context.Context) error {
	s := &c.Settings
	if err := s.Check(); err != nil {
		return err
	}
	if err := s.Prepare(); err != nil {
		return err
	}
	log := logger(s.LogFormat)
	slog.SetDefault(log)
	garbage.Follow()
	stop, err := profile(c.CPUProfile)
	if err != nil {
		return err
	}
	defer stop()
	ln, origin, note, err := listen(ctx, s)
	if err != nil {
		return err
	}
	p := &program.Program{Settings: *s, Log: log}
	if err := p.Open(ctx, origin); err != nil {
		ln.Close()
		return err
	}
	if s.Store == "embedded" {
		processor.Spare() // after what is sized by the cores
	}
	if s.Demo {
		if err := p.Accounts.EnsureDemo(ctx); err != nil {
			ln.Close()
			p.Close()
			return err
		}
	}
	fmt.Println(greeting(origin, p.Accounts.DemoLogins()) + note)
	return p.Run(ctx, ln)
}

func logger(format string) *slog.Logger {
	if format == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, nil))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, nil))
}

// listen opens the socket, plain or TLS, and says at which origin.
func listen(ctx context.Context, s *program.Settings) (ln net.Listener, origin, note string, err error) {
	if s.LAN {
		return listenLAN(ctx, s)
	}
	raw, err := listenTCP(s.Addr)
	if err != nil {
		return nil, "", "", err
	}
	scheme := "http"
	ln = raw
	if s.TLSCert != "" {
		pair, err := tls.LoadX509KeyPair(s.TLSCert, s.TLSKey)
		if err != nil {
			raw.Close()
			return nil, "", "", fmt.Errorf("CERTLINK_TLS_CERT and CERTLINK_TLS_KEY cannot be used: %w", err)
		}
		scheme = "https"
		ln = tls.NewListener(raw, tlsConfig(pair))
	}
	origin = s.PublicOrigin
	if origin == "" {
		origin = scheme + "://" + raw.Addr().String()
	}
	return ln, origin, "", nil
}

// listenLAN serves HTTPS on this machine's address in the local network, and
// the root certificate for the phone in plain HTTP one port further.
func listenLAN(ctx context.Context, s *program.Settings) (net.Listener, string, string, error) {
	address, err := lan.Address()
	if err != nil {
		return nil, "", "", err
	}
	root, err := lan.OpenRoot(s.Data)
	if err != nil {
		return nil, "", "", err
	}
	leaf, err := root.Leaf([]net.IP{address, net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, "", "", err
	}
	raw, err := listenTCP(net.JoinHostPort(address.String(), "8443"))
	if err != nil {
		return nil, "", "", err
	}
	plain, err := listenTCP(net.JoinHostPort(address.String(), "8444"))
	if err != nil {
		raw.Close()
		return nil, "", "", err
	}
	srv := &http.Server{Handler: root.RootHandler(), ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second}
	go srv.Serve(plain)
	context.AfterFunc(ctx, func() { srv.Close() })
	sum := sha256.Sum256(root.Certificate().Raw)
	note := fmt.Sprintf("\n\n  手机请先安装本机根证书 / first install this root on the phone:\n    http://%s/root.crt\n    SHA-256 %s\n",
		plain.Addr(), strings.ToUpper(hex.EncodeToString(sum[:])))
	return tls.NewListener(raw, tlsConfig(leaf)), "https://" + raw.Addr().String(), note, nil
}

func tlsConfig(pair tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
}

func listenTCP(addr string) (net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("another program is already listening on %s; stop it, or set CERTLINK_ADDR to another port", addr)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("this user may not listen on %s; choose a port above 1023 in CERTLINK_ADDR", addr)
	case err != nil:
		return nil, fmt.Errorf("cannot listen on %s: %w", addr, err)
	}
	return ln, nil
}

// greeting is what a newcomer needs to go on.
func greeting(origin string, demo []account.DemoLogin) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n  certlink %s\n\n  网页 / portal    %s/portal/\n  手机 / phone     %s/phone/\n  接口 / API       %s/docs\n", program.Version, origin, origin, origin)
	if len(demo) > 0 {
		fmt.Fprintf(&b, "\n  演示模式，请勿用于真实证书 / demo mode, never for real certificates\n")
		for _, l := range demo {
			fmt.Fprintf(&b, "    %-12s %s  %s, %s\n", l.Login, l.Password, l.Name, l.Organisation)
		}
	}
	return b.String()
}
