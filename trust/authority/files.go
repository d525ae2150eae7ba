package authority

import (
	"bytes"
	"crypto"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/emmansun/gmsm/pkcs"
	"github.com/emmansun/gmsm/pkcs8"

	"certlink/internal/clock"
	"certlink/trust"
)

// An authority is a directory of four files, each with one entry for each line, P-256
// first:
//
//	root.pem, issuing.pem   certificates
//	issuing.key             private keys that the server needs every day
//	root.key                private keys of the roots: keep them elsewhere, the server
//	                        never opens this file
//
// The keys are PKCS#8 EncryptedPrivateKeyInfo in PEM (RFC 5958), PBES2 with
// PBKDF2-HMAC-SHA256 and AES-256-CBC, so `openssl pkey -in issuing.key` opens them too.
const (
	rootFile, issuingFile       = "root.pem", "issuing.pem"
	rootKeyFile, issuingKeyFile = "root.key", "issuing.key"

	// minPassphrase keeps the worst passphrases away; the 600,000 rounds slow down the
	// guessing of the others (OWASP 2023 for PBKDF2-HMAC-SHA256).
	minPassphrase = 12
	usualRounds   = 600_000
	// demoRounds: where the passphrase is no secret, rounds only make starts slow.
	demoRounds = 1_000
)

// realRounds is lowered by tests, which make many authorities.
var realRounds = usualRounds

// demoPassphrase is no secret: a demonstration authority proves nothing to anybody.
const demoPassphrase = "demonstration, no secret"

// Create makes a new authority in dir, which must not exist yet. Either all of it is
// there afterwards or nothing.
func Create(dir string, passphrase []byte, n Naming, now time.Time) error {
	if len(passphrase) < minPassphrase {
		return fmt.Errorf("the authority's passphrase must have %d characters at least", minPassphrase)
	}
	if n.Organisation == "" || n.Organisation == demoOrganisation {
		return errors.New("the authority needs the name of the organisation that runs it")
	}
	if len([]rune(n.Organisation)) > maxName {
		return fmt.Errorf("the organisation's name may have %d characters at most", maxName)
	}
	lines, err := create(n, false, now)
	if err != nil {
		return err
	}
	return write(dir, passphrase, realRounds, lines)
}

// OpenDemo opens the demonstration authority in dir and makes it first where there is
// none.
func OpenDemo(dir string, o Options) (*Authority, error) {
	o.Demo = true
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		now := clock.System
		if o.Clock != nil {
			now = o.Clock
		}
		lines, err := create(Naming{}, true, now())
		if err != nil {
			return nil, err
		}
		// Where another process was faster, its authority is the one.
		if err := write(dir, []byte(demoPassphrase), demoRounds, lines); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
	return Load(dir, []byte(demoPassphrase), o)
}

// Load opens the authority in dir. A demonstration authority opens only with o.Demo,
// and a real one only without: neither can slip into the other's place.
func Load(dir string, passphrase []byte, o Options) (*Authority, error) {
	if o.Clock == nil {
		o.Clock = clock.System
	}
	roots, err := readCertificates(filepath.Join(dir, rootFile))
	if err != nil {
		return nil, err
	}
	issuing, err := readCertificates(filepath.Join(dir, issuingFile))
	if err != nil {
		return nil, err
	}
	if demo := IsDemo(roots[0]) || IsDemo(issuing[0]); demo && !o.Demo {
		return nil, fmt.Errorf("%s holds a demonstration authority, which must not issue outside demonstration mode: create a real one in another directory", dir)
	} else if !demo && o.Demo {
		return nil, fmt.Errorf("%s holds a real authority, which must not be used for a demonstration: name another directory", dir)
	}
	keys, err := readKeys(filepath.Join(dir, issuingKeyFile), passphrase)
	if err != nil {
		return nil, err
	}
	a := &Authority{options: o, lines: map[Line]*line{}}
	for i, name := range Lines {
		l := &line{name: name, root: roots[i], issuing: issuing[i], key: keys[i]}
		if err := l.check(); err != nil {
			return nil, fmt.Errorf("the authority in %s is damaged, line %s: %w", dir, name, err)
		}
		a.lines[name] = l
	}
	return a, nil
}

// check also covers what the encryption of the keys does not: CBC has no integrity, so
// a changed file shows as a key that is not the certificate's.
func (l *line) check() error {
	if err := l.issuing.IssuedBy(l.root); err != nil {
		return fmt.Errorf("the issuing certificate is not the root's: %w", err)
	}
	alg, err := l.issuing.Algorithm()
	if err != nil || LineFor(alg) != l.name {
		return fmt.Errorf("its key is of the wrong kind (%s)", alg)
	}
	pub, ok := l.key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !pub.Equal(l.issuing.PublicKey()) {
		return errors.New("the private key does not belong to the certificate")
	}
	return nil
}

func readCertificates(path string) ([]*trust.Certificate, error) {
	blocks, err := readPEM(path, "CERTIFICATE")
	if err != nil {
		return nil, err
	}
	out := make([]*trust.Certificate, len(blocks))
	for i, der := range blocks {
		if out[i], err = trust.ParseCertificate(der); err != nil {
			return nil, fmt.Errorf("certificate %d in %s: %w", i, path, err)
		}
	}
	return out, nil
}

func readKeys(path string, passphrase []byte) ([]crypto.Signer, error) {
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o007 != 0 {
		return nil, fmt.Errorf("everybody on this machine may read %s: take that away (chmod o-rwx)", path)
	}
	if len(passphrase) == 0 {
		return nil, fmt.Errorf("the keys in %s need their passphrase", path)
	}
	blocks, err := readPEM(path, "ENCRYPTED PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	out := make([]crypto.Signer, len(blocks))
	for i, der := range blocks {
		key, _, err := pkcs8.ParsePrivateKey(der, passphrase)
		if err != nil {
			return nil, fmt.Errorf("key %d in %s does not open: the passphrase is wrong, or the file is damaged", i, path)
		}
		signer, ok := key.(crypto.Signer)
		if !ok {
			return nil, fmt.Errorf("key %d in %s cannot sign", i, path)
		}
		out[i] = signer
	}
	return out, nil
}

// readPEM reads a file that has one block for each line, of one type, and nothing else.
func readPEM(path, kind string) ([][]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the authority: %w", err)
	}
	var out [][]byte
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if block.Type != kind {
			return nil, fmt.Errorf("%s has a %q where a %q belongs", path, block.Type, kind)
		}
		out = append(out, block.Bytes)
	}
	if len(out) != len(Lines) || len(bytes.TrimSpace(data)) > 0 {
		return nil, fmt.Errorf("%s must have %d blocks %q and nothing else", path, len(Lines), kind)
	}
	return out, nil
}

// write puts everything into a new directory beside dir, syncs it, and gives it its
// name last: a crash leaves at most a directory that nobody reads.
func write(dir string, passphrase []byte, rounds int, lines map[Line]*made) error {
	if _, err := os.Stat(dir); err == nil {
		return fmt.Errorf("%s: %w: an authority is never written over", dir, fs.ErrExist)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return fmt.Errorf("creating the authority: %w", err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+"-new-")
	if err != nil {
		return fmt.Errorf("creating the authority: %w", err)
	}
	defer os.RemoveAll(tmp)
	files := map[string][]byte{}
	for _, name := range Lines {
		m := lines[name]
		files[rootFile] = append(files[rootFile], certificatePEM(m.root)...)
		files[issuingFile] = append(files[issuingFile], certificatePEM(m.issuing)...)
		for file, key := range map[string]crypto.Signer{rootKeyFile: m.rootKey, issuingKeyFile: m.issuingKey} {
			der, err := pkcs8.MarshalPrivateKey(key, passphrase, pkcs.NewPBESEncrypter(pkcs.AES256CBC, pkcs.NewPBKDF2Opts(pkcs.SHA256, 16, rounds)))
			if err != nil {
				return fmt.Errorf("encrypting a key: %w", err)
			}
			files[file] = append(files[file], pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der})...)
		}
	}
	for name, data := range files {
		if err := writeSynced(filepath.Join(tmp, name), data); err != nil {
			return fmt.Errorf("creating the authority: %w", err)
		}
	}
	if err := syncDir(tmp); err != nil {
		return fmt.Errorf("creating the authority: %w", err)
	}
	if err := os.Rename(tmp, dir); err != nil {
		if _, there := os.Stat(dir); there == nil {
			return fmt.Errorf("%s: %w: an authority is never written over", dir, fs.ErrExist)
		}
		return fmt.Errorf("creating the authority: %w", err)
	}
	return syncDir(filepath.Dir(dir))
}

func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func certificatePEM(c *trust.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}
