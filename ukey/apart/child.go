package apart

import (
	"context"
	"io"
	"os"
	"runtime"

	"certlink/ukey"
	"certlink/ukey/pkcs11"
	"certlink/ukey/profile"
	"certlink/ukey/skf"
	"certlink/ukey/soft"
)

// Main is the child process: it loads one library and does what it is told until its
// parent goes away. It never returns.
func Main() {
	in, out, err := quiet()
	if err != nil {
		os.Exit(3)
	}
	requests := make(chan request)
	go func() {
		// Reading goes on while the library hangs, so that the parent's end ends this too.
		for {
			var r request
			if err := readFrame(in, &r); err != nil {
				os.Exit(0)
			}
			requests <- r
		}
	}()
	// Libraries remember threads.
	runtime.LockOSThread()
	serve(requests, out)
	os.Exit(0)
}

func serve(requests <-chan request, out io.Writer) {
	var m ukey.Module
	for r := range requests {
		answer, err := do(&m, r)
		r.PIN.Wipe()
		if answer == nil {
			answer = new(response)
		}
		answer.Refused = ukey.Refuse(err)
		if err := writeFrame(out, answer); err != nil {
			return
		}
	}
}

func do(m *ukey.Module, r request) (*response, error) {
	ctx := context.Background()
	if *m == nil && r.Op != "open" {
		return nil, ukey.ErrFailed.Becausef("nothing is open")
	}
	var out response
	var err error
	switch r.Op {
	case "open":
		*m, err = load(r.Profile, r.File)
	case "inventory":
		out.Inventory, err = (*m).Inventory(ctx)
	case "verify":
		err = (*m).VerifyPIN(ctx, r.Token, r.PIN)
	case "sign":
		r.Sign.PIN = r.PIN
		out.Bytes, err = (*m).Sign(ctx, *r.Sign)
	case "decrypt":
		r.Decrypt.PIN = r.PIN
		out.Bytes, err = (*m).Decrypt(ctx, *r.Decrypt)
	default:
		err = ukey.ErrFailed.Becausef("no operation %q", r.Op)
	}
	return &out, err
}

func load(p *profile.Profile, file string) (ukey.Module, error) {
	if file != "" {
		return soft.Open(file), nil
	}
	if p == nil {
		return nil, ukey.ErrFailed.Becausef("no profile")
	}
	path := p.Path()
	if path == "" {
		return nil, ukey.ErrLibraryMissing.Becausef("the profile names no library for %s", runtime.GOOS)
	}
	if err := guarded(path); err != nil {
		return nil, err
	}
	if p.Kind == "pkcs11" {
		m, err := pkcs11.Open(path, p.Packed())
		if err != nil {
			return nil, err
		}
		return m, nil
	}
	m, err := skf.Open(path, p.Quirks())
	if err != nil {
		return nil, err
	}
	return m, nil
}

// guarded refuses a library that anybody on the machine could have replaced.
func guarded(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return ukey.ErrLibraryMissing.Because(err)
	case !info.Mode().IsRegular():
		return ukey.ErrLibraryBroken.Becausef("%s is no file", path)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o002 != 0:
		return ukey.ErrLibraryBroken.Becausef("everybody may write to %s", path)
	}
	return nil
}
