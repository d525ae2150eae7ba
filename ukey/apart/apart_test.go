package apart

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"

	"certlink/trust"
	"certlink/trust/trusttest"
	"certlink/ukey"
	"certlink/ukey/profile"
	"certlink/ukey/ukeytest"
)

// The test binary is the child process too.
func TestMain(m *testing.M) {
	if os.Getenv("CERTLINK_TEST_CHILD") != "" {
		Main()
	}
	os.Exit(m.Run())
}

func command() *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CERTLINK_TEST_CHILD=1")
	return cmd
}

var ctx = context.Background()

func of(library, kind string) *profile.Profile {
	os := runtime.GOOS
	if os == "darwin" {
		os = "macos"
	}
	return &profile.Profile{ID: "test", Kind: kind, Library: map[string]string{os: library}}
}

func TestHangAndCrash(t *testing.T) {
	soft := ukeytest.NewSoftSKF(t)
	holder := trusttest.Root(t, trust.SM2SM3, "SM2 CA").Leaf(t, trust.SM2SM3)
	soft.Put("sign", &holder.Key.(*sm2.PrivateKey).PrivateKey, holder.Cert.Raw)
	d := Deadlines{Open: 20 * time.Second, Look: 3 * time.Second, Act: 3 * time.Second, OwnPIN: 3 * time.Second, Pause: time.Millisecond}
	m := New(command, of(soft.Library, "skf"), d)
	defer m.Close()
	digest := sha256.Sum256(nil)
	sign := func() error {
		inv, err := m.Inventory(ctx)
		if err != nil {
			return err
		}
		token := inv.Tokens[0]
		_, err = m.Sign(ctx, ukey.SignRequest{Token: token.ID, Certificate: token.Certificates[0].ID, PIN: ukey.PIN(soft.PIN), Algorithm: trust.SM2SM3, Digest: digest[:]})
		return err
	}
	if err := sign(); err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[string]error{
		"SKF_ECCSignData hang": ukey.ErrHung, "SKF_ECCSignData crash": ukey.ErrCrashed,
		"SKF_EnumDev hang": ukey.ErrHung, "SKF_EnumDev crash": ukey.ErrCrashed, "SKF_EnumDev A000001": ukey.ErrFailed,
	} {
		soft.Misbehave(mode)
		start := time.Now()
		if err := sign(); !errors.Is(err, want) {
			t.Errorf("%s: %v", mode, err)
		}
		if took := time.Since(start); took > 12*time.Second {
			t.Errorf("%s took %s", mode, took)
		}
		soft.Misbehave("")
		time.Sleep(m.tired) // no synchronisation: the pause is what is tested
		if err := sign(); err != nil {
			t.Errorf("after %s: %v", mode, err)
		}
	}
	// Who goes away does not have to wait, and the next one gets an answer of its own.
	soft.Misbehave("SKF_EnumDev hang")
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if _, err := m.Inventory(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	soft.Misbehave("")
	if err := sign(); err != nil {
		t.Error(err)
	}
	// The end of the bridge waits for no library.
	patient := New(command, of(soft.Library, "skf"), Deadlines{Open: time.Minute, Look: time.Minute})
	soft.Misbehave("SKF_EnumDev hang")
	asked := make(chan error, 1)
	go func() {
		_, err := patient.Inventory(ctx)
		asked <- err
	}()
	time.Sleep(50 * time.Millisecond) // wherever it is by then
	start := time.Now()
	patient.Close()
	if err := <-asked; !errors.Is(err, context.Canceled) || time.Since(start) > 10*time.Second {
		t.Errorf("%v after %s", err, time.Since(start))
	}
}

func TestNoDriver(t *testing.T) {
	d := DefaultDeadlines()
	open := filepath.Join(t.TempDir(), "open.so")
	if err := os.WriteFile(open, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o666); err != nil {
		t.Fatal(err)
	}
	for library, want := range map[string]error{
		filepath.Join(t.TempDir(), "none.so"): ukey.ErrLibraryMissing, "/etc/passwd": ukey.ErrLibraryBroken, open: ukey.ErrLibraryBroken, "": ukey.ErrLibraryMissing,
	} {
		m := New(command, of(library, "skf"), d)
		for range 3 { // the third is answered without a new process
			if _, err := m.Inventory(ctx); !errors.Is(err, want) {
				t.Errorf("%q: %v", library, err)
			}
		}
		m.Close()
	}
}

func FuzzFrame(f *testing.F) {
	var b bytes.Buffer
	if err := writeFrame(&b, request{Op: "verify", PIN: ukey.PIN("123456")}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0, 0, 0, 2, '{', '}'})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var r request
		if readFrame(bytes.NewReader(raw), &r) != nil {
			return
		}
		var again bytes.Buffer
		if err := writeFrame(&again, r); err != nil {
			t.Error(err)
		}
	})
}
